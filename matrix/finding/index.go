package finding

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"wsgimatrix/matrix/plan"
)

// What is between these lines is written by `matrix findings --write`.
const (
	begin = "<!-- written by bin/matrix findings --write -->\n"
	end   = "<!-- until here -->\n"
)

// capabilities is where the versions of a whole run stand.
const capabilities = "docs/capabilities.md"

// Written is a file with its generated part.
type Written struct {
	File     string
	Old, New []byte
}

// Stale tells whether the file has to be written.
func (w Written) Stale() bool { return !bytes.Equal(w.Old, w.New) }

// Generate makes the generated parts: of the index, and of each finding.
func Generate(p *plan.Plan, all []*Finding) (out []Written, err error) {
	table, err := os.ReadFile(filepath.Join(p.Root, capabilities))
	if err != nil {
		return nil, err
	}
	name := filepath.Join(p.Root, Folder, "README.md")
	index, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	var mistakes []error
	add := func(file string, old []byte, body string) {
		w, err := between(file, old, body)
		out, mistakes = append(out, w), append(mistakes, err)
	}
	add(name, index, Index(all))
	e := elsewhere{plan: p, table: string(table), reds: Reds(p)}
	for _, f := range all {
		add(f.File, f.text, e.paragraph(f))
	}
	return out, errors.Join(mistakes...)
}

func between(file string, old []byte, body string) (Written, error) {
	head, rest, ok := strings.Cut(string(old), begin)
	_, tail, too := strings.Cut(rest, end)
	if !ok || !too {
		return Written{File: file}, fmt.Errorf("%s: the lines %q and %q are missing, between which is written what is generated", file, strings.TrimSpace(begin), strings.TrimSpace(end))
	}
	return Written{file, old, []byte(head + begin + body + end + tail)}, nil
}

// Index is the table of all findings.
func Index(all []*Finding) string {
	var b strings.Builder
	b.WriteString("| project | finding | clause | upstream | cases, by server |\n|---|---|---|---|---|\n")
	for _, f := range all {
		var cases []string
		for _, server := range slices.Sorted(maps.Keys(f.Cases)) {
			cases = append(cases, server+": `"+strings.Join(f.Cases[server], "` `")+"`")
		}
		fmt.Fprintf(&b, "| %s | [%s](%s.md) | [%s](%s) | %s | %s |\n", f.Project, cell(f.Title), f.Name, cell(f.Clause), f.Link, f.issues(), strings.Join(cases, "<br>"))
	}
	fmt.Fprintf(&b, "\n%d findings, each of a MUST.\n", len(all))
	return b.String()
}

func cell(text string) string { return strings.ReplaceAll(text, "|", `\|`) }

var issueNumber = regexp.MustCompile(`([\w.-]+/[\w.-]+)#(\d+)`)

// issues are those upstream, as links.
func (f *Finding) issues() string {
	return issueNumber.ReplaceAllString(f.Upstream, "[$0](https://github.com/$1/issues/$2)")
}

// elsewhere says what the other servers of the matrix do in a finding's cases.
type elsewhere struct {
	plan  *plan.Plan
	table string
	reds  []Red
}

func (e elsewhere) paragraph(f *Finding) string {
	var agree, differ []string
	for _, s := range e.plan.Whole().Servers {
		if len(f.Cases[s.Name]) > 0 {
			continue
		}
		if e.differs(f, s) {
			differ = append(differ, e.named(s))
		} else {
			agree = append(agree, e.named(s))
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "Shown by the cases %s. ", strings.Join(f.names(), ", "))
	if len(agree) > 0 {
		fmt.Fprintf(&b, "Servers that pass all of them: %s. ", strings.Join(agree, ", "))
	}
	if len(differ) > 0 {
		fmt.Fprintf(&b, "Servers that fail one of them too: %s. ", strings.Join(differ, ", "))
	}
	return strings.TrimSpace(b.String()) + "\n"
}

// names are the cases' patterns, each once.
func (f *Finding) names() []string {
	seen := map[string]bool{}
	for _, patterns := range f.Cases {
		for _, pattern := range patterns {
			seen["`"+pattern+"`"] = true
		}
	}
	return slices.Sorted(maps.Keys(seen))
}

// differs tells whether a server is known to fail one of the finding's cases too.
func (e elsewhere) differs(f *Finding, s *plan.Server) bool {
	named := func(r Red) bool {
		return slices.ContainsFunc(slices.Concat(slices.Collect(maps.Values(f.Cases))...), func(p string) bool { return matches(p, r.Case) })
	}
	for _, r := range e.reds {
		if !named(r) {
			continue
		}
		app, name, _ := strings.Cut(r.Case, "/")
		byDifference := slices.ContainsFunc(s.Known, func(k *plan.Known) bool { return k.ByDifference() && k.Matches(app, name) })
		if r.Server == s.Name || byDifference {
			return true
		}
	}
	return false
}

// named is a server with the version that it had in the last whole run.
func (e elsewhere) named(s *plan.Server) string {
	title := regexp.QuoteMeta(strings.ReplaceAll(s.Title, "_", `\_`))
	if m := regexp.MustCompile(`\| ` + title + ` (\S+) \|`).FindStringSubmatch(e.table); m != nil {
		return s.Title + " " + m[1]
	}
	return s.Title
}
