package finding

import (
	"fmt"
	"path"
	"slices"

	"wsgimatrix/matrix/mistake"
	"wsgimatrix/matrix/plan"
)

// Red is a MUST that a server that others wrote is known to break.
type Red struct {
	Server, Case string // APP/CASE
	Known        *plan.Known
}

// Reds are all of them, but for races, which cannot be replayed. What a known divergence explains by
// single differences shows only in a run.
func Reds(p *plan.Plan) (reds []Red) {
	for _, c := range p.Whole().Cells {
		for _, k := range c.Cases {
			if known := c.Known(k.Name); known != nil && !known.Sometimes && !c.Server.Ours && k.Level == "must" {
				reds = append(reds, Red{c.Server.Name, c.App.Name + "/" + k.Name, known})
			}
		}
	}
	return reds
}

// Shows tells whether the finding names a case of a server.
func (f *Finding) Shows(r Red) bool {
	return slices.ContainsFunc(f.Cases[r.Server], func(pattern string) bool { return matches(pattern, r.Case) })
}

func matches(pattern, name string) bool {
	ok, err := path.Match(pattern, name)
	return ok && err == nil
}

// Check holds findings and known divergences against each other: each red MUST has a finding, and
// each finding shows something.
func Check(p *plan.Plan, all []*Finding) (mistakes []error) {
	reds := Reds(p)
	for _, r := range reds {
		if !slices.ContainsFunc(all, func(f *Finding) bool { return f.Shows(r) }) {
			mistakes = append(mistakes, &mistake.At{File: r.Known.File, Line: r.Known.Line, What: fmt.Sprintf(
				"%s breaks a MUST in %s, and no finding in %s names that case of that server: write one", r.Server, r.Case, Folder)})
		}
	}
	for _, f := range all {
		mistakes = append(mistakes, f.idle(reds)...)
	}
	return mistakes
}

// idle are the cases that a finding names and that are not red.
func (f *Finding) idle(reds []Red) (mistakes []error) {
	for server, patterns := range f.Cases {
		for _, pattern := range patterns {
			if !slices.ContainsFunc(reds, func(r Red) bool { return r.Server == server && matches(pattern, r.Case) }) {
				mistakes = append(mistakes, f.wrong(1, fmt.Sprintf("no MUST of %s that matches %q is a known divergence: delete it here, and the finding with its last one", server, pattern)))
			}
		}
	}
	return mistakes
}
