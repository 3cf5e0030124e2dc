package report

import (
	"fmt"
	"html/template"
	"strings"

	"wsgimatrix/matrix/results"
)

// page is the HTML report, ready to be laid out.
type page struct {
	Style    template.CSS
	Script   template.JS
	Policy   string
	Title    string
	Verdict  string
	Also     string
	Tone     string // the class of the outcome that the page as a whole has
	Partial  string
	Icon     string
	Counts   []outcomeCount
	Total    int // cases
	Facts    []fact
	Apps     []subjectView
	Column   int // how much of the grid's width an app has, in percent
	Rows     []row
	Problems []string
	Groups   []*group
	WSGI     *wsgiView // nil: not recorded
	Servers  []serverView
	Cells    []cellView
	About    []fact
	Command  string
}

// outcomeCount is how many cases have an outcome.
type outcomeCount struct {
	Outcome results.Outcome
	N       int
	From    int // how many stand before it
	Count   string
	Meaning string
}

var meanings = [...]string{
	results.Skip:  "not run",
	results.Pass:  "passed: as the golden says",
	results.Known: "known: differs, as a known divergence says",
	results.Fail:  "failed: differs",
	results.Error: "error: could not be judged",
}

// fact is a name and what it is.
type fact struct{ Name, Value string }

// subjectView is a server or an app in the grid.
type subjectView struct {
	Title, Version, Model, Python string
	Ours                          bool
}

// newPage lays a run out.
func newPage(run *results.Run) *page {
	t := count(run)
	p := &page{
		Style: inline.Style, Script: inline.Script, Policy: inline.Policy, Total: t.cases, Icon: t.tone(run),
		Verdict: t.verdict(run), Also: t.also(run), Tone: t.tone(run), Partial: oneLine(run.Partial), Counts: t.counts(),
		Problems: visibleAll(run.Problems), Groups: groups(run), WSGI: wsgiSide(run), Servers: serverViews(run), About: about(run), Command: command(run.Command),
	}
	p.Title = p.Verdict + " · WSGI matrix"
	p.Facts = []fact{
		{"cells as expected", fmt.Sprintf("%d/%d", t.expected, t.cells)},
		{"cases", thousands(t.cases)},
		{"servers", fmt.Sprint(len(run.Servers))},
		{"apps", fmt.Sprint(len(run.Apps))},
		{"in all", seconds(run.Finished.Sub(run.Started).Seconds())},
	}
	p.Apps, p.Column = subjectViews(run.Apps), 73/max(1, len(run.Apps))
	p.Rows = rows(run)
	p.Cells = cellViews(run)
	return p
}

func visibleAll(texts []string) []string {
	all := make([]string, len(texts))
	for i, text := range texts {
		all[i] = visible(text)
	}
	return all
}

// tone is the colour of the whole: an outcome's name, or partial.
func (t tally) tone(run *results.Run) string {
	switch {
	case run.Partial != "" || t.cells == 0:
		return "partial"
	case t.whole(run):
		return "pass"
	case t.byCell[results.Fail] == 0 && t.byCell[results.Error] > 0:
		return "error"
	}
	return "fail"
}

// counts are the cases by outcome, the good ones first; what never happened is left out.
func (t tally) counts() []outcomeCount {
	var all []outcomeCount
	from := 0
	for _, o := range []results.Outcome{results.Pass, results.Known, results.Fail, results.Error, results.Skip} {
		if n := t.byCase[o]; n > 0 {
			all = append(all, outcomeCount{o, n, from, thousands(n), meanings[o]})
			from += n
		}
	}
	return all
}

func about(run *results.Run) []fact {
	const layout = "2006-01-02 15:04:05 UTC"
	return []fact{
		{"Run", oneLine(run.ID)},
		{"Started", run.Started.UTC().Format(layout)},
		{"Finished", run.Finished.UTC().Format(layout)},
		{"Took", seconds(run.Finished.Sub(run.Started).Seconds())},
		{"Engine", oneLine(strings.TrimSpace(run.Engine.Name + " " + run.Engine.Version))},
		{"Machine", oneLine(fmt.Sprintf("%s, %s", run.Engine.OS, plural(run.Engine.CPUs, "core")))},
		{"Format", results.Format},
	}
}

// command writes an argument vector as a shell would take it.
func command(argv []string) string {
	quoted := make([]string, len(argv))
	for i, arg := range argv {
		quoted[i] = arg
		if arg == "" || strings.ContainsAny(arg, " \t\n\"'\\$&|;<>()*?[]{}`!#~") {
			quoted[i] = "'" + strings.ReplaceAll(arg, "'", `'\''`) + "'"
		}
	}
	return oneLine(strings.Join(quoted, " "))
}

func subjectViews(subjects []results.Subject) []subjectView {
	views := make([]subjectView, len(subjects))
	for i := range subjects {
		views[i] = viewSubject(&subjects[i])
	}
	return views
}

func viewSubject(s *results.Subject) subjectView {
	title := s.Title
	if s.Ours {
		title = strings.TrimSuffix(title, " (ours)") // a mark beside the title says so
	}
	if title == "" {
		title = s.Name
	}
	return subjectView{oneLine(title), oneLine(s.Version), oneLine(s.Model), oneLine(s.Python), s.Ours}
}
