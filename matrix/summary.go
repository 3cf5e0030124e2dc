package main

import (
	"fmt"
	"strings"

	"wsgimatrix/matrix/record"
	"wsgimatrix/matrix/results"
)

// plural counts things.
func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// redShown is how many commands that repeat a red case are printed; the report has them all.
const redShown = 20

// conclude prints the end of a run: the grid, the totals, and what to do about the rest.
func (c *console) conclude(r *results.Run, report string) {
	c.show("")
	c.say("\n%s", c.grid(r))
	c.say("%s", totals(r))
	if differ, of := record.Compare(r); of > 0 {
		c.say("%d of %d cases differ between servers on the WSGI side: see %s", len(differ), of, wsgiPlace(report))
	}
	for _, p := range r.Problems {
		c.say("%s %s", c.mark(results.Fail), p)
	}
	if r.Partial != "" {
		c.say("This is a part of the run: %s", r.Partial)
	}
	c.repeat(r)
	if report != "" {
		c.say("report: %s", report)
	}
}

// grid is the servers × apps table.
func (c *console) grid(r *results.Run) string {
	width := 0
	for _, s := range r.Servers {
		width = max(width, len(s.Name))
	}
	var b strings.Builder
	b.WriteString(pad("", width))
	for _, a := range r.Apps {
		b.WriteString("  " + pad(a.Name, column(a)))
	}
	for _, s := range r.Servers {
		b.WriteString("\n" + pad(s.Name, width))
		for _, a := range r.Apps {
			b.WriteString("  " + c.square(find(r, s.Name, a.Name), column(a)))
		}
	}
	return trimLines(b.String()) + fmt.Sprintf("\n\n%s pass  %s known  %s differs  %s not judged  %s not run\n",
		c.mark(results.Pass), c.mark(results.Known), c.mark(results.Fail), c.mark(results.Error), c.mark(results.Skip))
}

func column(app results.Subject) int { return max(len(app.Name), len("✗ 100/100")-len("✗")+1) }

// square is one cell of the grid; nil is a pair that matrix.yaml leaves out.
func (c *console) square(cell *results.Cell, width int) string {
	if cell == nil {
		return pad("–", width)
	}
	count := fmt.Sprintf("%d/%d", cell.Count(results.Pass), len(cell.Cases))
	return c.mark(cell.Outcome) + " " + pad(count, width-2)
}

func trimLines(s string) string {
	lines := strings.Split(s, "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	return strings.Join(lines, "\n")
}

func find(r *results.Run, server, app string) *results.Cell {
	for i := range r.Cells {
		if r.Cells[i].Server == server && r.Cells[i].App == app {
			return &r.Cells[i]
		}
	}
	return nil
}

// totals counts the run in one line.
func totals(r *results.Run) string {
	cells, cases := 0, 0
	var by [results.Error + 1]int
	for i := range r.Cells {
		if o := r.Cells[i].Outcome; o == results.Pass || o == results.Known {
			cells++
		}
		for k := range r.Cells[i].Cases {
			by[r.Cells[i].Cases[k].Outcome]++
			cases++
		}
	}
	return fmt.Sprintf("%d/%s as expected; %s: %d pass, %d known, %d differ, %d not judged, %d not run; %.1f s",
		cells, plural(len(r.Cells), "cell"), plural(cases, "case"), by[results.Pass], by[results.Known], by[results.Fail], by[results.Error], by[results.Skip],
		r.Finished.Sub(r.Started).Seconds())
}

// repeat prints the command that repeats each red case, or its whole cell where that could
// not be run.
func (c *console) repeat(r *results.Run) {
	var commands []string
	for i := range r.Cells {
		commands = append(commands, repros(&r.Cells[i])...)
	}
	if len(commands) == 0 {
		return
	}
	c.say("\nto repeat what is red:")
	for _, command := range commands[:min(len(commands), redShown)] {
		c.say("  %s", command)
	}
	if more := len(commands) - redShown; more > 0 {
		c.say("  … and %d more, in the report", more)
	}
}

func repros(cell *results.Cell) []string {
	if cell.Reason != "" && cell.Outcome == results.Error {
		return []string{cell.Repro}
	}
	var out []string
	for i := range cell.Cases {
		if !cell.Cases[i].Outcome.Expected() {
			text := cell.Cases[i].Repro
			if b := cell.Cases[i].Blame; b != nil {
				text += fmt.Sprintf("\n      blame: %s: %s", b.Verdict, b.Says)
			}
			out = append(out, text)
		}
	}
	return out
}

// wsgiPlace is where the report shows what the recorder has seen; without a report, results.json has it.
func wsgiPlace(report string) string {
	if report == "" {
		return "results.json"
	}
	return report + "#wsgi-side"
}
