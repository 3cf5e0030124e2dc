package report

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"
	"time"

	"wsgimatrix/matrix/results"
)

// The elements of JUnit's XML that CI systems read.
type (
	junitSuites struct {
		XMLName  xml.Name     `xml:"testsuites"`
		Name     string       `xml:"name,attr"`
		Tests    int          `xml:"tests,attr"`
		Failures int          `xml:"failures,attr"`
		Errors   int          `xml:"errors,attr"`
		Skipped  int          `xml:"skipped,attr"`
		Time     string       `xml:"time,attr"`
		Suites   []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name       string           `xml:"name,attr"`
		Tests      int              `xml:"tests,attr"`
		Failures   int              `xml:"failures,attr"`
		Errors     int              `xml:"errors,attr"`
		Skipped    int              `xml:"skipped,attr"`
		Time       string           `xml:"time,attr"`
		Timestamp  string           `xml:"timestamp,attr"`
		Properties *junitProperties `xml:"properties"`
		Cases      []junitCase      `xml:"testcase"`
		Out        string           `xml:"system-out,omitempty"`
	}
	junitProperties struct {
		List []junitProperty `xml:"property"`
	}
	junitProperty struct {
		Name  string `xml:"name,attr"`
		Value string `xml:"value,attr"`
	}
	junitCase struct {
		Name    string        `xml:"name,attr"`
		Class   string        `xml:"classname,attr"`
		File    string        `xml:"file,attr,omitempty"`
		Time    string        `xml:"time,attr"`
		Failure *junitMessage `xml:"failure,omitempty"`
		Error   *junitMessage `xml:"error,omitempty"`
		Skipped *junitMessage `xml:"skipped,omitempty"`
	}
	junitMessage struct {
		Message string `xml:"message,attr"`
		Type    string `xml:"type,attr"`
		Text    string `xml:",chardata"`
	}
)

// WriteJUnit writes a run as JUnit XML: a suite for each cell, a test for each case, and one
// suite for what belongs to no cell. A known divergence is a test skipped for its reason, as
// other tools write tests that are expected to fail: CI systems then neither fail for it nor
// count it as passed.
func WriteJUnit(w io.Writer, run *results.Run) error {
	all := junitSuites{Name: "wsgi-matrix", Time: junitTime(run.Finished.Sub(run.Started).Seconds())}
	all.add(runSuite(run))
	for i := range run.Cells {
		all.add(cellSuite(&run.Cells[i], run))
	}
	data, err := xml.MarshalIndent(all, "", " ")
	if err != nil {
		return fmt.Errorf("report: JUnit: %w", err)
	}
	return writeAll(w, "JUnit report", xml.Header+string(data)+"\n")
}

func junitTime(s float64) string { return fmt.Sprintf("%.3f", s) }

// add adds a suite, and its numbers; a suite without tests is left out.
func (a *junitSuites) add(s junitSuite) {
	if len(s.Cases) == 0 {
		return
	}
	for i := range s.Cases {
		s.Tests++
		switch c := &s.Cases[i]; {
		case c.Failure != nil:
			s.Failures++
		case c.Error != nil:
			s.Errors++
		case c.Skipped != nil:
			s.Skipped++
		}
	}
	a.Tests, a.Failures, a.Errors, a.Skipped = a.Tests+s.Tests, a.Failures+s.Failures, a.Errors+s.Errors, a.Skipped+s.Skipped
	a.Suites = append(a.Suites, s)
}

// runSuite is what belongs to no cell: what is not whole, and problems with what is expected.
func runSuite(run *results.Run) junitSuite {
	s := junitSuite{Name: "run", Time: junitTime(0), Timestamp: junitStamp(run.Started)}
	if run.Partial != "" {
		s.Cases = append(s.Cases, junitCase{Name: "whole", Class: "run", Time: junitTime(0), Error: message("partial", run.Partial, "")})
	} else if len(run.Cells) == 0 {
		s.Cases = append(s.Cases, junitCase{Name: "whole", Class: "run", Time: junitTime(0), Error: message("empty", "nothing was run", "")})
	}
	for i, problem := range run.Problems {
		s.Cases = append(s.Cases, junitCase{
			Name: fmt.Sprintf("problem %d", i+1), Class: "run", Time: junitTime(0), Failure: message("problem", problem, ""),
		})
	}
	return s
}

func junitStamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05") }

func cellSuite(cell *results.Cell, run *results.Run) junitSuite {
	class := visible(cell.Server + "." + cell.App)
	s := junitSuite{
		Name: class, Time: junitTime(cell.Seconds), Timestamp: junitStamp(run.Started), Properties: properties(cell, run),
	}
	if cell.Reason != "" && cell.Outcome == results.Error {
		s.Cases = append(s.Cases, junitCase{
			Name: "the cell", Class: class, Time: junitTime(cell.Start), Error: message("error", cell.Reason, "repeat with: "+cell.Repro),
		})
	}
	for i := range cell.Cases {
		s.Cases = append(s.Cases, viewTest(&cell.Cases[i], class))
	}
	if log, note := cutFront(string(cell.Log), maxShown); log != "" {
		s.Out = strings.TrimSpace(note + "\n" + visible(log))
	}
	return s
}

// properties are the versions that met in a cell.
func properties(cell *results.Cell, run *results.Run) *junitProperties {
	list := []junitProperty{{"repro", visible(cell.Repro)}}
	add := func(what, name string, subjects []results.Subject) {
		for i := range subjects {
			if s := &subjects[i]; s.Name == name && s.Version != "" {
				list = append(list, junitProperty{what, visible(s.Title + " " + s.Version)})
			}
		}
	}
	add("server", cell.Server, run.Servers)
	add("app", cell.App, run.Apps)
	return &junitProperties{list}
}

func viewTest(c *results.Case, class string) junitCase {
	test := junitCase{Name: visible(c.Name), Class: class, File: visible(c.File), Time: junitTime(c.Seconds)}
	switch c.Outcome {
	case results.Fail:
		test.Failure = message("difference", c.Reason, junitText(c))
	case results.Error:
		test.Error = message("error", c.Reason, junitText(c))
	case results.Known:
		test.Skipped = message("known divergence", knownReason(c), "")
	case results.Skip:
		test.Skipped = message("not run", c.Reason, "")
	}
	return test
}

func knownReason(c *results.Case) string {
	if c.Known == nil {
		return c.Reason
	}
	reason := "known divergence until " + c.Known.Until + ": " + c.Known.Reason
	if c.Known.Clause != "" {
		reason += " (" + c.Known.Clause + ")"
	}
	return strings.TrimSpace(reason + " " + c.Known.Link)
}

func message(kind, text, more string) *junitMessage {
	short, _ := cut(text, 1<<10)
	return &junitMessage{Message: oneLine(short), Type: kind, Text: visible(more)}
}

// junitText is all of a failure, for whoever reads the CI system's page alone.
func junitText(c *results.Case) string {
	var b strings.Builder
	for i := range c.Exchanges {
		x := &c.Exchanges[i]
		fmt.Fprintf(&b, "\n%s:%d\n", c.File, x.Line)
		for _, d := range x.Differences {
			b.WriteString("  " + d + "\n")
		}
		b.WriteString(x.Diff)
	}
	if c.Blame != nil {
		fmt.Fprintf(&b, "\nblame: %s: %s\n", c.Blame.Verdict, c.Blame.Says)
	}
	if c.Repro != "" {
		b.WriteString("\nrepeat with: " + c.Repro + "\n")
	}
	text, note := cut(b.String(), maxShown)
	return text + note
}
