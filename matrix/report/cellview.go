package report

import (
	"fmt"

	"wsgimatrix/matrix/results"
)

// cellView is one cell of the HTML report with its cases.
type cellView struct {
	ID, Server, App string
	Ours, Open      bool
	Outcome         results.Outcome
	Reason          string
	Takes, Start    string
	Repro           string
	Counts          []outcomeCount
	Seen            []caseView // the cases with something to see, the most urgent first
	Quiet           []caseView // those that passed or did not run
	QuietName       string
	Log             *block
}

// caseView is one case. Of a quiet one, only the first line is filled.
type caseView struct {
	Name, Title, Takes string
	Outcome            results.Outcome
	ID, Level          string
	Clauses            []reference
	Link               reference
	File, Reason       string
	Repro              string
	Known              *knownView
	Blame              string // whose fault it is
	Exchanges          []exchangeView
}

// exchangeView is one difference: what was sent, the golden and what came, side by side.
type exchangeView struct {
	Where       string
	Differences []string
	Sent        block
	Golden      []block
	Came        block
	Raw         block
	Diff        *block
}

// block is a text that is shown line by line.
type block struct {
	Name  string
	Lines []line
	Note  string // what is not shown
	Size  string
	Front bool // the note belongs before the text
}

func cellViews(run *results.Run) []cellView {
	servers, apps := names(run.Servers), names(run.Apps)
	ours := make(map[string]bool)
	for i := range run.Servers {
		ours[run.Servers[i].Name] = run.Servers[i].Ours
	}
	views := make([]cellView, len(run.Cells))
	for i := range run.Cells {
		cell := &run.Cells[i]
		v := &views[i]
		*v = viewCell(cell, run)
		v.Server, v.App = titled(servers, cell.Server), titled(apps, cell.App)
		v.Ours = ours[cell.Server]
	}
	return views
}

func viewCell(cell *results.Cell, run *results.Run) cellView {
	one := count(&results.Run{Cells: []results.Cell{*cell}})
	v := cellView{
		ID: cellID(cell), Open: !cell.Outcome.Expected(), Outcome: cell.Outcome, Reason: visible(cell.Reason),
		Takes: seconds(cell.Seconds), Start: seconds(cell.Start), Repro: oneLine(cell.Repro), Counts: one.counts(), Log: logBlock(cell.Log),
	}
	for _, o := range outcomes {
		for i := range cell.Cases {
			if c := &cell.Cases[i]; c.Outcome == o {
				v.put(cell, c, run)
			}
		}
	}
	v.QuietName = quietName(&one)
	return v
}

// put adds a case where it belongs.
func (v *cellView) put(cell *results.Cell, c *results.Case, run *results.Run) {
	view := caseView{Name: oneLine(c.Name), Title: oneLine(c.Title), Outcome: c.Outcome, Takes: seconds(c.Seconds)}
	if c.Outcome == results.Pass || c.Outcome == results.Skip {
		v.Quiet = append(v.Quiet, view)
		return
	}
	view.detail(cell, c, run)
	v.Seen = append(v.Seen, view)
}

func quietName(t *tally) string {
	passed, skipped := t.byCase[results.Pass], t.byCase[results.Skip]
	switch {
	case skipped == 0:
		return fmt.Sprintf("%d passed", passed)
	case passed == 0:
		return fmt.Sprintf("%d not run", skipped)
	}
	return fmt.Sprintf("%d passed, %d not run", passed, skipped)
}

// detail fills in what is shown of a case that is open.
func (v *caseView) detail(cell *results.Cell, c *results.Case, run *results.Run) {
	v.ID, v.Level, v.File, v.Repro = caseID(cell, c), oneLine(c.Level), oneLine(c.File), oneLine(c.Repro)
	v.Clauses, v.Link = clauseRefs(c.Clauses...), linkTo(c.Link)
	if c.Known != nil {
		known := viewKnown(c.Known, run.Finished)
		v.Known = &known
	}
	if c.Blame != nil {
		v.Blame = visible(fmt.Sprintf("%s: %s", c.Blame.Verdict, c.Blame.Says))
	}
	if len(c.Exchanges) == 0 || c.Outcome == results.Error {
		v.Reason = visible(c.Reason)
	}
	for i := range c.Exchanges {
		v.Exchanges = append(v.Exchanges, viewExchange(c, &c.Exchanges[i]))
	}
}

func viewExchange(c *results.Case, x *results.Exchange) exchangeView {
	changed := readDiff(x.Diff)
	v := exchangeView{
		Where: oneLine(fmt.Sprintf("%s:%d", c.File, x.Line)),
		Sent:  notationBlock("Sent", x.Sent, nil),
		Came:  notationBlock("Came", x.Shown, changed.come),
		Raw:   rawBlock(x),
		Diff:  diffBlock(x.Diff),
	}
	if x.Connection != "" && x.Connection != "main" {
		v.Where += ", connection " + oneLine(x.Connection)
	}
	for _, d := range x.Differences {
		text, _ := cut(d, maxShown)
		v.Differences = append(v.Differences, visible(text))
	}
	v.Golden = goldenBlocks(x.Golden, changed)
	return v
}

// goldenBlocks are the allowed responses; the lines that differ are marked in the nearest of them.
func goldenBlocks(goldens []string, changed changes) []block {
	nearest := changed.nearest(goldens)
	blocks := make([]block, len(goldens))
	for i, text := range goldens {
		var gone []string
		if i == nearest {
			gone = changed.gone
		}
		name := "Golden"
		if i > 0 {
			name = "or"
		}
		blocks[i] = notationBlock(name, text, gone)
	}
	return blocks
}

func notationBlock(name, text string, changed []string) block {
	kept, note := cut(text, maxShown)
	return block{Name: name, Lines: notationLines(kept, changed), Note: note}
}

func rawBlock(x *results.Exchange) block {
	kept, note := cut(string(x.Received), maxShown)
	b := block{Name: "Every byte that came", Lines: rawLines(kept), Note: note, Size: plural(len(x.Received), "byte")}
	if x.Cut {
		b.Size = "more than " + b.Size
		b.Note += " More came than the run kept."
	}
	return b
}

func diffBlock(diff string) *block {
	if diff == "" {
		return nil
	}
	kept, note := cut(diff, maxShown)
	return &block{Name: "As a unified diff", Lines: notationLines(kept, nil), Note: note}
}

// logBlock is the end of a container's output.
func logBlock(log results.Bytes) *block {
	if len(log) == 0 {
		return nil
	}
	kept, note := cutFront(string(log), maxShown)
	b := &block{Name: "The container's log", Note: note, Size: plural(len(log), "byte"), Front: true}
	for _, text := range splitLines(visible(kept)) {
		b.Lines = append(b.Lines, line{Spans: []span{{Text: text}}})
	}
	return b
}
