// Package report renders a run for people and for CI systems: HTML, a badge, JUnit XML and
// Markdown. It owns how a run looks; it never judges one, and never reads or runs anything.
// Whatever came from the wire is shown escaped, with invisible bytes made visible.
package report

import (
	"fmt"
	"io"
	"strings"
	"time"

	"wsgimatrix/matrix/results"
)

// outcomes are all there are, the most urgent first.
var outcomes = []results.Outcome{results.Error, results.Fail, results.Known, results.Pass, results.Skip}

// tally is a run in numbers.
type tally struct {
	cells    int // of the run
	expected int // of these, those that ran and are as expected
	byCell   [results.Error + 1]int
	cases    int
	byCase   [results.Error + 1]int
}

func count(run *results.Run) tally {
	t := tally{cells: len(run.Cells)}
	for i := range run.Cells {
		cell := &run.Cells[i]
		t.byCell[cell.Outcome]++
		if asExpected(cell.Outcome) {
			t.expected++
		}
		t.cases += len(cell.Cases)
		for k := range cell.Cases {
			t.byCase[cell.Cases[k].Outcome]++
		}
	}
	return t
}

// asExpected tells whether something ran and came out as expected: what was skipped did not.
func asExpected(o results.Outcome) bool { return o == results.Pass || o == results.Known }

// whole tells whether the run may be called good: all of it ran, and as expected.
func (t tally) whole(run *results.Run) bool {
	return run.Partial == "" && t.cells > 0 && t.expected == t.cells && run.Outcome.Expected() && len(run.Problems) == 0
}

// verdict is the run in one sentence.
func (t tally) verdict(run *results.Run) string {
	switch {
	case run.Partial != "":
		return fmt.Sprintf("Not the whole run: %d of %s as expected so far", t.expected, plural(t.cells, "cell"))
	case t.cells == 0:
		return "Nothing was run"
	case t.whole(run):
		return "Every cell is as expected"
	}
	return t.complaints(run)[0]
}

// also is what a verdict leaves out: the complaints after the first.
func (t tally) also(run *results.Run) string {
	switch {
	case t.whole(run), t.cells == 0:
		return ""
	case run.Partial != "" && t.expected == t.cells && len(run.Problems) == 0:
		return ""
	}
	all := t.complaints(run)
	if run.Partial == "" {
		all = all[1:]
	}
	return strings.Join(all, " · ")
}

// complaints are what keeps a run from being good, the worst for its servers first.
func (t tally) complaints(run *results.Run) []string {
	var all []string
	add := func(n int, what string) {
		if n > 0 {
			all = append(all, what)
		}
	}
	differ, unknown, skipped := t.byCell[results.Fail], t.byCell[results.Error], t.byCell[results.Skip]
	add(differ, fmt.Sprintf("%d of %s %s", differ, plural(t.cells, "cell"), verb(differ, "differs", "differ")))
	add(unknown, plural(unknown, "cell")+" could not be judged")
	add(skipped, plural(skipped, "cell")+" did not run")
	add(len(run.Problems), plural(len(run.Problems), "problem")+" with what is expected")
	if len(all) == 0 {
		all = append(all, "The run as a whole is "+outcomeWords[run.Outcome])
	}
	return all
}

// outcomeWords name an outcome in a sentence.
var outcomeWords = [...]string{
	results.Skip: "not run", results.Pass: "passed", results.Known: "known", results.Fail: "failed", results.Error: "error",
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return thousands(n) + " " + noun + "s"
}

func verb(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

// thousands writes a number with a comma between its thousands.
func thousands(n int) string {
	digits := fmt.Sprint(n)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// seconds writes a duration as a person reads it.
func seconds(s float64) string {
	switch {
	case s < 0.0095:
		return fmt.Sprintf("%.1f ms", s*1000)
	case s < 0.9995:
		return fmt.Sprintf("%.0f ms", s*1000)
	case s < 59.95:
		return fmt.Sprintf("%.1f s", s)
	}
	d := time.Duration(s * float64(time.Second)).Round(time.Second)
	return fmt.Sprintf("%d min %d s", int(d.Minutes()), int(d.Seconds())%60)
}

// names finds the title of a server or app, as a report shows it.
func names(subjects []results.Subject) map[string]string {
	titles := make(map[string]string, len(subjects))
	for i := range subjects {
		titles[subjects[i].Name] = viewSubject(&subjects[i]).Title
	}
	return titles
}

// titled is a subject's title, or its name where the run does not know it.
func titled(titles map[string]string, name string) string {
	if t := titles[name]; t != "" {
		return t
	}
	return oneLine(name)
}

// writeAll writes a finished document in one go, so that an error in making it leaves none behind.
func writeAll(w io.Writer, what, text string) error {
	if _, err := io.WriteString(w, text); err != nil {
		return fmt.Errorf("report: write the %s: %w", what, err)
	}
	return nil
}
