package capability

import (
	"slices"

	"wsgimatrix/matrix/results"
)

// Evidence is one case with everything that servers answered to it. Servers that answered the
// same stand together.
type Evidence struct {
	Case    *results.Case // as its first server has it: name, title, clauses
	Answers []Said
}

// Said is one course that a case took.
type Said struct {
	Outcome   results.Outcome
	Servers   []string
	Reason    string // why it differs, of the first of them
	Known     *results.Divergence
	Exchanges []results.Exchange
}

// Gather collects the evidence of a run, in the order of its cases.
func Gather(run *results.Run) []Evidence {
	if run.Contract == nil {
		return nil
	}
	var out []Evidence
	at := map[string]int{}
	for i := range run.Cells {
		cell := &run.Cells[i]
		if cell.App != run.Contract.App {
			continue
		}
		for k := range cell.Cases {
			c := &cell.Cases[k]
			n, there := at[c.Name]
			if !there {
				n = len(out)
				at[c.Name] = n
				out = append(out, Evidence{Case: c})
			}
			out[n].add(cell.Server, c)
		}
	}
	return out
}

func (e *Evidence) add(server string, c *results.Case) {
	for i := range e.Answers {
		if s := &e.Answers[i]; s.Outcome == c.Outcome && slices.EqualFunc(s.Exchanges, c.Evidence, alike) {
			s.Servers = append(s.Servers, server)
			return
		}
	}
	e.Answers = append(e.Answers, Said{Outcome: c.Outcome, Servers: []string{server}, Reason: c.Reason, Known: c.Known, Exchanges: c.Evidence})
}

// alike tells whether two servers answered the same, but for the headers that are their own.
func alike(a, b results.Exchange) bool { return a.Line == b.Line && a.Shown == b.Shown }
