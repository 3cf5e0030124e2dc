package report

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"
)

// reference is a piece of text with the place it speaks of, if there is one to link to.
type reference struct {
	Text string
	Href string // "" or an absolute http(s) address
}

var (
	rfcShape = regexp.MustCompile(`^RFC ([0-9]{1,5})(?: §([0-9]+(?:\.[0-9]+)*))?$`)
	pepShape = regexp.MustCompile(`^PEP ([0-9]{1,4})\b`)
)

// clauseRefs reads clauses such as "C86, RFC 9110 §9.3.2; PEP 3333".
func clauseRefs(clauses ...string) []reference {
	var refs []reference
	for _, clause := range clauses {
		for part := range strings.FieldsFuncSeq(clause, func(r rune) bool { return r == ';' || r == ',' }) {
			if part = strings.TrimSpace(part); part != "" {
				refs = append(refs, reference{oneLine(part), clauseHref(part)})
			}
		}
	}
	return refs
}

func clauseHref(clause string) string {
	if m := rfcShape.FindStringSubmatch(clause); m != nil {
		href := "https://www.rfc-editor.org/rfc/rfc" + m[1]
		if m[2] != "" {
			href += "#section-" + m[2]
		}
		return href
	}
	if m := pepShape.FindStringSubmatch(clause); m != nil {
		return fmt.Sprintf("https://peps.python.org/pep-%04s/", m[1])
	}
	return ""
}

// linkTo links to an address if it is a web page's; anything else is text.
func linkTo(address string) reference {
	ref := reference{Text: oneLine(address)}
	u, err := url.Parse(address)
	if err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" {
		ref.Href = address
	}
	return ref
}
