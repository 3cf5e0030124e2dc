package report

import (
	"strings"

	"wsgimatrix/matrix/results"
)

// failure is a case, or a whole cell, that is not as expected.
type failure struct {
	cell *results.Cell
	c    *results.Case // nil: the cell itself
}

// failures are all that is not as expected, in the order of the run.
func failures(run *results.Run) []failure {
	var all []failure
	for i := range run.Cells {
		cell := &run.Cells[i]
		if cell.Outcome == results.Error && cell.Reason != "" {
			all = append(all, failure{cell: cell})
		}
		for k := range cell.Cases {
			c := &cell.Cases[k]
			if cell.Outcome == results.Error && c.Outcome == results.Error && c.Reason == cell.Reason {
				continue // what ails the cell is said once
			}
			if !c.Outcome.Expected() {
				all = append(all, failure{cell, &cell.Cases[k]})
			}
		}
	}
	return all
}

// group is one case that is not as expected for one reason, and everywhere that it is so.
type group struct {
	Case, Title, Reason string
	Outcome             results.Outcome
	Where               []place
}

// place is a server, and the apps with which something happens there.
type place struct {
	Server string
	Apps   []reference
}

// groups gathers what is not as expected: what differs in one cell mostly differs in others too.
func groups(run *results.Run) []*group {
	servers, apps := names(run.Servers), names(run.Apps)
	found := make(map[cause]*group)
	var all []*group
	for _, f := range failures(run) {
		key := f.key()
		g := found[key]
		if g == nil {
			g = &group{Case: oneLine(key.name), Title: oneLine(f.title()), Outcome: key.outcome, Reason: key.reason}
			found[key] = g
			all = append(all, g)
		}
		g.add(titled(servers, f.cell.Server), reference{titled(apps, f.cell.App), f.href()})
	}
	return all
}

// cause is what the failures of a group have in common.
type cause struct {
	name, reason string
	outcome      results.Outcome
}

func (f failure) key() cause {
	if f.c == nil {
		return cause{"", firstLine(f.cell.Reason), f.cell.Outcome}
	}
	return cause{f.c.Name, firstLine(f.c.Reason), f.c.Outcome}
}

func (f failure) title() string {
	if f.c == nil {
		return "could not be judged"
	}
	return f.c.Title
}

func (g *group) add(server string, app reference) {
	if n := len(g.Where); n > 0 && g.Where[n-1].Server == server {
		g.Where[n-1].Apps = append(g.Where[n-1].Apps, app)
		return
	}
	g.Where = append(g.Where, place{server, []reference{app}})
}

func (f failure) href() string {
	if f.c == nil {
		return "#" + cellID(f.cell)
	}
	return "#" + caseID(f.cell, f.c)
}

// firstLine is the beginning of a reason, for a list.
func firstLine(reason string) string {
	text, _, _ := strings.Cut(strings.TrimSpace(reason), "\n")
	if short, note := cut(text, 300); note != "" {
		text = short + "…"
	}
	return oneLine(text)
}
