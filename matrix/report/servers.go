package report

import (
	"time"

	"wsgimatrix/matrix/results"
)

// serverView is what a run says about one server.
type serverView struct {
	subjectView
	Counts []outcomeCount
	Total  int
	Start  string // until it listened, on average
	Takes  string // all of its cells together
	Known  []knownView
}

// knownView is a known divergence.
type knownView struct {
	Case, Reason, Until string
	Past                bool // the date has gone by
	Clauses             []reference
	Link                reference
	Matches             int // cases of this run
}

func serverViews(run *results.Run) []serverView {
	views := make([]serverView, len(run.Servers))
	for i := range run.Servers {
		views[i] = viewServer(run, &run.Servers[i])
	}
	return views
}

func viewServer(run *results.Run, s *results.Subject) serverView {
	own := results.Run{}
	var start, takes float64
	for i := range run.Cells {
		if run.Cells[i].Server == s.Name {
			own.Cells = append(own.Cells, run.Cells[i])
			start += run.Cells[i].Start
			takes += run.Cells[i].Seconds
		}
	}
	t := count(&own)
	v := serverView{subjectView: viewSubject(s), Counts: t.counts(), Total: t.cases}
	if t.cells > 0 {
		v.Start, v.Takes = seconds(start/float64(t.cells)), seconds(takes)
	}
	for _, k := range s.Known {
		known := viewKnown(&k, run.Finished)
		known.Matches = matches(own.Cells, &k)
		v.Known = append(v.Known, known)
	}
	return v
}

func viewKnown(k *results.Divergence, now time.Time) knownView {
	return knownView{
		Case: oneLine(k.Case), Reason: visible(k.Reason), Until: oneLine(k.Until), Clauses: clauseRefs(k.Clause), Link: linkTo(k.Link),
		Past: k.Until < now.UTC().Format(time.DateOnly),
	}
}

// matches counts the cases that a known divergence explains.
func matches(cells []results.Cell, k *results.Divergence) int {
	n := 0
	for i := range cells {
		for c := range cells[i].Cases {
			if known := cells[i].Cases[c].Known; known != nil && *known == *k {
				n++
			}
		}
	}
	return n
}
