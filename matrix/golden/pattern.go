package golden

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"
)

// pattern is what a header's value or a body has to be: text and placeholders.
type pattern []token

// found is what a match learnt.
type found struct {
	saved  Vars
	pauses []pauseAt
}

// pauseAt asks for a pause before the byte at an offset.
type pauseAt struct {
	offset int
	least  time.Duration
}

// dateShape is an IMF-fixdate, RFC 9110 §5.6.7; validDate looks closer.
const dateShape = `(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), [0-9]{2} (?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) [0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2} GMT`

const dateLength = len("Sun, 06 Nov 1994 08:49:37 GMT")

// match holds subject against the pattern. With prefix, what follows the match does not count.
func (p pattern) match(subject []byte, prefix bool, vars Vars) (*found, bool) {
	if text, ok := plain(p); ok {
		return &found{}, bytes.Equal(subject, text) || prefix && bytes.HasPrefix(subject, text)
	}
	for i := range p {
		if p[i].kind == placeholder && p[i].hold.verb == "sha256" {
			return p.matchDigest(i, subject, prefix, vars)
		}
	}
	return p.matchRegexp(subject, prefix, vars)
}

// matchDigest matches around the digest at index i, whose place follows from the fixed lengths on one of its sides.
func (p pattern) matchDigest(i int, subject []byte, prefix bool, vars Vars) (*found, bool) {
	h := p[i].hold
	start, ok := p[:i].length(vars)
	if !ok {
		after, _ := p[i+1:].length(vars)
		start = len(subject) - after - h.n
	}
	if start < 0 || start+h.n > len(subject) || sha256.Sum256(subject[start:start+h.n]) != [32]byte(h.text) {
		return nil, false
	}
	before, ok := p[:i].match(subject[:start], false, vars)
	if !ok {
		return nil, false
	}
	after, ok := p[i+1:].match(subject[start+h.n:], prefix, vars)
	if !ok {
		return nil, false
	}
	return before.join(after, start+h.n), true
}

// join adds what matched from an offset on.
func (f *found) join(other *found, offset int) *found {
	all := &found{saved: Vars{}, pauses: f.pauses}
	for _, vars := range []Vars{f.saved, other.saved} {
		for name, value := range vars {
			all.saved[name] = value
		}
	}
	for _, pause := range other.pauses {
		all.pauses = append(all.pauses, pauseAt{pause.offset + offset, pause.least})
	}
	return all
}

// length is the one length of all that matches, if there is one.
func (p pattern) length(vars Vars) (n int, ok bool) {
	for i := range p {
		switch t := &p[i]; t.kind {
		case textToken:
			n += len(t.text)
		case lineEnd:
			n++
		default:
			fixed, ok := t.hold.length(vars)
			if !ok {
				return 0, false
			}
			n += fixed
		}
	}
	return n, true
}

func (h *hold) length(vars Vars) (int, bool) {
	switch h.verb {
	case "sha256":
		return h.n, true
	case "date":
		return dateLength, true
	case "pause":
		return 0, true
	case "use":
		return len(vars[h.name]), true
	}
	return 0, false
}

// matchRegexp matches a pattern without digests. Each byte is widened to the rune of its
// value first, so that a regular expression sees bytes and not UTF-8.
func (p pattern) matchRegexp(subject []byte, prefix bool, vars Vars) (*found, bool) {
	re, err := p.regexp(prefix, vars)
	if err != nil {
		return nil, false // parsing has compiled every part: what is left is too large
	}
	wide := widen(subject)
	at := re.FindSubmatchIndex(wide)
	if at == nil {
		return nil, false
	}
	f := &found{saved: Vars{}}
	for i := range p {
		if p[i].kind != placeholder {
			continue
		}
		group := re.SubexpIndex(groupName(i))
		if group < 0 {
			continue
		}
		start, end := utf8.RuneCount(wide[:at[2*group]]), utf8.RuneCount(wide[:at[2*group+1]])
		if !f.learn(p[i].hold, subject[start:end], start) {
			return nil, false
		}
	}
	return f, true
}

// learn takes in what one placeholder matched; false: it may not have.
func (f *found) learn(h *hold, value []byte, offset int) bool {
	switch h.verb {
	case "save":
		f.saved[h.name] = bytes.Clone(value)
	case "pause":
		f.pauses = append(f.pauses, pauseAt{offset, h.pause})
	case "date":
		return validDate(string(value))
	}
	return true
}

func groupName(i int) string { return fmt.Sprintf("_%d_", i) }

// regexp is the pattern as one expression over widened bytes.
func (p pattern) regexp(prefix bool, vars Vars) (*regexp.Regexp, error) {
	var b strings.Builder
	b.WriteString(`(?s)\A`)
	for i := range p {
		switch t := &p[i]; t.kind {
		case textToken:
			b.WriteString(regexp.QuoteMeta(string(widen(t.text))))
		case lineEnd:
			b.WriteString(`\n`)
		default:
			fmt.Fprintf(&b, `(?P<%s>%s)`, groupName(i), t.hold.expression(vars))
		}
	}
	if !prefix {
		b.WriteString(`\z`)
	}
	return regexp.Compile(b.String())
}

// expression is what a placeholder matches.
func (h *hold) expression(vars Vars) string {
	switch h.verb {
	case "any":
		return `.*?`
	case "date":
		return dateShape
	case "use":
		return regexp.QuoteMeta(string(widen(vars[h.name])))
	case "pause":
		return ``
	default: // re and save
		return `(?:` + h.re + `)`
	}
}

// validDate tells whether s is a date and not merely shaped like one.
func validDate(s string) bool {
	t, err := time.Parse("Mon, 02 Jan 2006 15:04:05 GMT", s)
	return err == nil && t.Format("Mon, 02 Jan 2006 15:04:05 GMT") == s
}

// widen makes each byte the rune of its value.
func widen(data []byte) []byte {
	wide := make([]byte, 0, len(data)+len(data)/8)
	for _, c := range data {
		wide = utf8.AppendRune(wide, rune(c))
	}
	return wide
}

// holds tells whether a placeholder stands in the pattern.
func (p pattern) holds() bool {
	_, ok := plain(p)
	return !ok
}

// trimSpace drops optional white space around a header's value (RFC 9110 §5.5) that is written as such.
func (p pattern) trimSpace() pattern {
	p = append(pattern(nil), p...)
	if n := len(p); n > 0 && p[n-1].kind == textToken {
		p[n-1].text = bytes.TrimRight(p[n-1].text, " \t")
	}
	if len(p) > 0 && p[0].kind == textToken {
		p[0].text = bytes.TrimLeft(p[0].text, " \t")
	}
	return p
}

// checkDigests refuses a digest whose place nothing fixes, which could be anywhere in a body.
func (p pattern) checkDigests() error {
	for i := range p {
		if p[i].kind != placeholder || p[i].hold.verb != "sha256" {
			continue
		}
		_, before := p[:i].length(nil)
		_, after := p[i+1:].length(nil)
		if !before && !after {
			return &syntaxError{p[i].line, `\{sha256} needs a side with neither \{any}, \{re} nor \{save}: nothing else says where it begins`}
		}
	}
	return nil
}
