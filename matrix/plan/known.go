package plan

import (
	"fmt"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"wsgimatrix/matrix/results"
)

// Known is a divergence that a server.yaml declares.
type Known struct {
	results.Divergence
	Sometimes bool // it is a race: the case may pass
	File      string
	Line      int
}

// At is where the entry stands.
func (k *Known) At() string { return fmt.Sprintf("%s:%d", k.File, k.Line) }

// Wide tells whether the entry's pattern may speak of several cases.
func (k *Known) Wide() bool { return isGlob(k.Case) }

// Matches tells whether the entry speaks of a case.
func (k *Known) Matches(app, name string) bool { return match(k.Case, app+"/"+name) }

func (r *reader) known(into *[]*Known) func(*yaml.Node) {
	return func(n *yaml.Node) {
		k := &Known{File: r.file, Line: n.Line}
		r.mapping(n, "a known divergence", fields{
			"case":   r.text("case", &k.Case),
			"reason": r.text("reason", &k.Reason),
			"clause": r.text("clause", &k.Clause),
			"link":   r.text("link", &k.Link),
			"until":  r.date("until", &k.Until),

			"sometimes": r.truth("sometimes", &k.Sometimes),
		})
		r.required(n, "a known divergence", "case", "reason", "link", "until")
		r.casePattern(n.Line, k.Case)
		*into = append(*into, k)
	}
}

func (r *reader) casePattern(line int, pattern string) {
	if pattern == "" || !r.pattern(line, pattern) {
		return
	}
	if strings.Count(pattern, "/") != 1 {
		r.wrong(line, "case %q is not of the form APP/CASE (with * and ?)", pattern)
	}
}

// date reads a day. YAML has a type for it, and a quoted one is a string: both will do.
func (r *reader) date(key string, into *string) func(*yaml.Node) {
	return func(n *yaml.Node) {
		if _, err := time.Parse(time.DateOnly, n.Value); n.Kind != yaml.ScalarNode || err != nil {
			r.wrong(n.Line, "%s must be a date such as 2027-06-30, not %s", key, kind(n))
			return
		}
		*into = n.Value
	}
}

// Known is the entry that a case of a server falls under: the first that matches.
func (c Cell) Known(name string) *Known {
	for _, k := range c.Server.Known {
		if k.Matches(c.App.Name, name) {
			return k
		}
	}
	return nil
}

// Stale says which known divergences of the plan's servers have to be looked at: those whose
// date is past, and those that no case of the whole plan falls under.
func (p *Plan) Stale(today time.Time) []string {
	used := map[*Known]bool{}
	for _, c := range p.Whole().Cells {
		for _, k := range c.Cases {
			used[c.Known(k.Name)] = true
		}
	}
	var stale []string
	for _, s := range p.Servers {
		for _, k := range s.Known {
			if why := k.stale(used[k], today); why != "" {
				stale = append(stale, k.At()+": "+why)
			}
		}
	}
	return stale
}

func (k *Known) stale(used bool, today time.Time) string {
	switch {
	case !used:
		return fmt.Sprintf("the known divergence %q matches no case (or none that an earlier entry leaves): correct or delete it", k.Case)
	case today.UTC().Format(time.DateOnly) > k.Until:
		return fmt.Sprintf("the known divergence %q was to be looked at again by %s: see whether it still holds, then set a new date or delete it", k.Case, k.Until)
	}
	return ""
}
