package plan

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"wsgimatrix/matrix/golden"
	"wsgimatrix/matrix/results"
)

// Known is a divergence that a server.yaml declares.
type Known struct {
	results.Divergence
	Sometimes bool // it is a race: the case may pass
	differs   *regexp.Regexp
	File      string
	Line      int
}

// At is where the entry stands.
func (k *Known) At() string { return fmt.Sprintf("%s:%d", k.File, k.Line) }

// Wide tells whether the entry's pattern may speak of several cases.
func (k *Known) Wide() bool { return isGlob(k.Case) }

// ByDifference tells whether the entry speaks of single differences, wherever they are met, and not
// of cases as a whole.
func (k *Known) ByDifference() bool { return k.differs != nil }

// Matches tells whether the entry speaks of a case.
func (k *Known) Matches(app, name string) bool { return match(k.Case, app+"/"+name) }

func (r *reader) known(into *[]*Known) func(*yaml.Node) {
	return func(n *yaml.Node) {
		k := &Known{File: r.file, Line: n.Line}
		r.mapping(n, "a known divergence", fields{
			"case":   r.text("case", &k.Case),
			"reason": r.text("reason", &k.Reason),
			"differs": func(n *yaml.Node) {
				r.text("differs", &k.Differs)(n)
				k.differs = wildcard(k.Differs)
			},
			"clause": r.text("clause", &k.Clause),
			"link":   r.text("link", &k.Link),
			"until":  r.date("until", &k.Until),

			"sometimes": r.truth("sometimes", &k.Sometimes),
		})
		r.required(n, "a known divergence", "case", "reason", "link", "until")
		r.casePattern(n.Line, k.Case)
		if k.Sometimes && k.ByDifference() {
			r.wrong(n.Line, "sometimes goes without differs, which asks of no case that it differs")
		}
		*into = append(*into, k)
	}
}

// wildcard matches a whole text; * is any part of it, ? one character.
func wildcard(pattern string) *regexp.Regexp {
	quoted := regexp.QuoteMeta(pattern)
	quoted = strings.ReplaceAll(strings.ReplaceAll(quoted, `\*`, `.*`), `\?`, `.`)
	return regexp.MustCompile(`(?s)\A` + quoted + `\z`)
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

// Known is the entry that a case of a server falls under as a whole: the first that matches.
func (c Cell) Known(name string) *Known {
	for _, k := range c.Server.Known {
		if !k.ByDifference() && k.Matches(c.App.Name, name) {
			return k
		}
	}
	return nil
}

// Explain finds the entries that speak of each of a case's differences; none, when there is one of
// which no entry speaks.
func (c Cell) Explain(name string, differences []string) []*Known {
	var found []*Known
	for _, d := range differences {
		i := slices.IndexFunc(c.Server.Known, func(k *Known) bool {
			return k.ByDifference() && k.Matches(c.App.Name, name) && k.differs.MatchString(d)
		})
		if i < 0 {
			return nil
		}
		found = append(found, c.Server.Known[i])
	}
	return found
}

// Stale says which known divergences of the plan's servers have to be looked at: those whose
// date is past, and those that no case of the whole plan falls under.
func (p *Plan) Stale(today time.Time) []string {
	used := map[*Known]bool{}
	for _, c := range p.Whole().Cells {
		for _, k := range c.Cases {
			used[c.Known(k.Name)] = true
		}
		for _, k := range c.Server.Known {
			if k.ByDifference() && slices.ContainsFunc(c.Cases, func(g *golden.Case) bool { return k.Matches(c.App.Name, g.Name) }) {
				used[k] = true
			}
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
