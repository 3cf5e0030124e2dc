package report

import (
	"bytes"
	"fmt"
	"html/template"
	"io"
	"strings"

	"wsgimatrix/matrix/capability"
	"wsgimatrix/matrix/results"
)

// capabilityPage is the table of capabilities, ready to be laid out.
type capabilityPage struct {
	Style    template.CSS
	Policy   string
	Title    string
	Partial  string
	Facts    []fact
	Servers  []capabilityColumn
	Sections []capabilitySection
	Cases    []capabilityCase
	About    []fact
	Command  string
}

// capabilityColumn is a server at the head of the table.
type capabilityColumn struct {
	subjectView
	Levels []levelCount
}

// levelCount is how much of one level a server keeps.
type levelCount struct {
	Level string
	Held  string // "61/67"
	Tone  string // the class of its colour
}

type capabilitySection struct {
	Name string
	Rows []capabilityRow
}

type capabilityRow struct {
	ID, Name, Level string
	Source          []reference
	Href            string // of its first case
	Answers         []capabilityAnswer
}

type capabilityAnswer struct {
	Tone, Icon string
	Text       string // "2/3"; empty: the icon says it
	Label      string // for who cannot see it
	Href       string
}

// capabilityCase is one case with what every server answered.
type capabilityCase struct {
	ID, Name, Title, Level, File string
	Clauses                      []reference
	Link                         reference
	Sent                         []block
	Answers                      []capabilitySaid
}

type capabilitySaid struct {
	Outcome results.Outcome
	Servers string
	Reason  string
	Known   *knownView
	Came    []block
}

// levels are the levels of a contract, the strictest first.
var levels = []string{"must", "should", "may", "policy"}

// WriteCapabilities writes the table as a page that needs no other and no script.
func WriteCapabilities(w io.Writer, run *results.Run, t *capability.Table) error {
	var b bytes.Buffer
	if err := html.ExecuteTemplate(&b, "capabilities.html", newCapabilityPage(run, t)); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	return writeAll(w, "capabilities", b.String())
}

func newCapabilityPage(run *results.Run, t *capability.Table) *capabilityPage {
	p := &capabilityPage{
		Style: inline.Style, Policy: inline.Policy, Title: "Which WSGI server does what", Partial: oneLine(t.Partial),
		About: about(run), Command: command(run.Command),
	}
	for i := range t.Servers {
		p.Servers = append(p.Servers, viewColumn(&t.Servers[i]))
	}
	if len(t.Features) > 0 {
		p.Sections = append(p.Sections, viewCapabilities("At a glance", t.Features, t.Servers))
	}
	lines := 0
	for _, s := range t.Sections {
		if len(s.Rows) > 0 {
			p.Sections = append(p.Sections, viewCapabilities(s.Name, s.Rows, t.Servers))
			lines += len(s.Rows)
		}
	}
	if s := viewLimits(t.Servers); len(s.Rows) > 0 {
		p.Sections = append(p.Sections, s)
	}
	titles := names(run.Servers)
	for _, e := range capability.Gather(run) {
		p.Cases = append(p.Cases, viewEvidence(&e, titles, run))
	}
	p.Facts = []fact{{"lines of the contract", fmt.Sprint(lines)}, {"cases", fmt.Sprint(len(p.Cases))}, {"servers", fmt.Sprint(len(p.Servers))}}
	return p
}

func viewColumn(s *capability.Server) capabilityColumn {
	c := capabilityColumn{subjectView: viewSubject(&results.Subject{Name: s.Name, Title: s.Title, Version: s.Version, Python: s.Python, Ours: s.Ours})}
	for _, level := range levels {
		tally := s.Levels[level]
		of := tally.Held + tally.Broken + tally.Unknown
		if of == 0 {
			continue
		}
		count := levelCount{Level: level, Held: fmt.Sprintf("%d/%d", tally.Held, of), Tone: "pass"}
		switch {
		case tally.Broken > 0 && level == "must":
			count.Tone = "fail"
		case tally.Broken > 0:
			count.Tone = "known"
		case tally.Unknown > 0:
			count.Tone = "skip"
		}
		c.Levels = append(c.Levels, count)
	}
	return c
}

func viewCapabilities(name string, rows []capability.Row, servers []capability.Server) capabilitySection {
	s := capabilitySection{Name: oneLine(name)}
	for i := range rows {
		r := &rows[i]
		row := capabilityRow{ID: r.ID, Name: visible(r.Name), Level: r.Level, Source: clauseRefs(r.Source), Href: "#" + evidenceID(r.Cases[0])}
		for k := range r.Answers {
			row.Answers = append(row.Answers, viewAnswer(r, &r.Answers[k], servers[k].Title))
		}
		s.Rows = append(s.Rows, row)
	}
	return s
}

// viewAnswer shows an answer and links to the case that decides it.
func viewAnswer(r *capability.Row, a *capability.Answer, server string) capabilityAnswer {
	v := capabilityAnswer{Href: "#" + evidenceID(r.Cases[0]), Label: fmt.Sprintf("%s: %s, %d of %s agree", oneLine(server), a.Verdict, a.Held, plural(a.Of, "case"))}
	if len(a.Broken) > 0 {
		v.Href = "#" + evidenceID(a.Broken[0])
	}
	switch a.Verdict {
	case capability.Yes:
		v.Tone, v.Icon = "pass", "pass"
	case capability.No:
		v.Tone, v.Icon = "fail", "fail"
	case capability.Partly:
		v.Tone, v.Icon, v.Text = "known", "known", fmt.Sprintf("%d/%d", a.Held, a.Of)
	case capability.Cannot:
		v.Tone, v.Text, v.Label = "skip", "cannot", oneLine(server)+": cannot be set up or told so"
	default:
		v.Tone, v.Icon = "skip", "skip"
	}
	return v
}

// limits are what a server was found to accept, in the order of the table.
var limits = []struct {
	name string
	of   func(*results.Accepts) results.Bound
}{
	{"the longest request line, octets", func(a *results.Accepts) results.Bound { return a.RequestLine }},
	{"the longest field line, octets", func(a *results.Accepts) results.Bound { return a.Field }},
	{"the most field lines", func(a *results.Accepts) results.Bound { return a.Fields }},
	{"the largest body, octets", func(a *results.Accepts) results.Bound { return a.Body }},
}

// viewLimits is the section of what was measured; it has no rows where nothing was.
func viewLimits(servers []capability.Server) capabilitySection {
	s := capabilitySection{Name: "Limits, as found by asking"}
	for _, l := range limits {
		row, any := capabilityRow{Name: l.name}, false
		for i := range servers {
			a := capabilityAnswer{Tone: "skip", Text: "–", Label: oneLine(servers[i].Title) + ": not measured"}
			if servers[i].Accepts != nil {
				a = viewBound(l.of(servers[i].Accepts), oneLine(servers[i].Title)+", "+l.name)
				any = true
			}
			row.Answers = append(row.Answers, a)
		}
		if any {
			s.Rows = append(s.Rows, row)
		}
	}
	return s
}

func viewBound(b results.Bound, what string) capabilityAnswer {
	text := boundText(b)
	return capabilityAnswer{Tone: "plain", Text: text, Label: what + ": " + text}
}

func boundText(b results.Bound) string {
	if b.AtLeast {
		return "≥ " + thousands(b.Most)
	}
	return thousands(b.Most)
}

func evidenceID(name string) string { return anchor("case", name) }

func viewEvidence(e *capability.Evidence, titles map[string]string, run *results.Run) capabilityCase {
	c := e.Case
	v := capabilityCase{
		ID: evidenceID(c.Name), Name: oneLine(c.Name), Title: oneLine(c.Title), Level: oneLine(c.Level), File: oneLine(c.File),
		Clauses: clauseRefs(c.Clauses...), Link: linkTo(c.Link),
	}
	for i := range e.Answers {
		s := &e.Answers[i]
		said := capabilitySaid{Outcome: s.Outcome}
		var who []string
		for _, name := range s.Servers {
			who = append(who, titled(titles, name))
		}
		said.Servers = strings.Join(who, ", ")
		if s.Outcome > results.Pass {
			said.Reason = firstLine(s.Reason)
		}
		if s.Known != nil {
			known := viewKnown(s.Known, run.Finished)
			said.Known = &known
		}
		for k := range s.Exchanges {
			if k == len(v.Sent) { // a conversation that ended early sent less
				v.Sent = append(v.Sent, notationBlock("Sent", s.Exchanges[k].Sent, nil))
			}
			said.Came = append(said.Came, notationBlock("Came", s.Exchanges[k].Shown, nil))
		}
		v.Answers = append(v.Answers, said)
	}
	return v
}

// WriteCapabilitiesMarkdown writes the table alone.
func WriteCapabilitiesMarkdown(w io.Writer, t *capability.Table) error {
	var b strings.Builder
	b.WriteString("## Which WSGI server does what\n\n")
	if t.Partial != "" {
		fmt.Fprintf(&b, "> **Partial run:** %s.\n\n", codeSpan(t.Partial))
	}
	head, rule := "| |", "|---|"
	for i := range t.Servers {
		s := viewColumn(&t.Servers[i])
		head += " " + plainText(strings.TrimSpace(s.Title+" "+s.Version)) + " |"
		rule += ":-:|"
	}
	b.WriteString(head + "\n" + rule + "\n")
	for _, level := range levels {
		row := fmt.Sprintf("| **%s** held |", strings.ToUpper(level))
		all := 0
		for i := range t.Servers {
			tally := t.Servers[i].Levels[level]
			of := tally.Held + tally.Broken + tally.Unknown
			row += fmt.Sprintf(" %d/%d |", tally.Held, of)
			all += of
		}
		if all > 0 {
			b.WriteString(row + "\n")
		}
	}
	markdownRows(&b, "At a glance", t.Features, head, rule)
	for _, s := range t.Sections {
		markdownRows(&b, s.Name, s.Rows, head, rule)
	}
	markdownLimits(&b, t.Servers, head, rule)
	return writeAll(w, "capabilities", b.String())
}

// answerMarks stand for the verdicts.
var answerMarks = map[capability.Verdict]string{capability.Yes: "✅", capability.No: "❌", capability.Partly: "🟡", capability.Unknown: "➖", capability.Cannot: "cannot"}

func markdownRows(b *strings.Builder, name string, rows []capability.Row, head, rule string) {
	if len(rows) == 0 {
		return
	}
	fmt.Fprintf(b, "\n### %s\n\n%s\n%s\n", plainText(name), head, rule)
	for i := range rows {
		r := &rows[i]
		text := plainText(r.Name)
		if r.ID != "" {
			text = fmt.Sprintf("%s %s: %s", r.ID, strings.ToUpper(r.Level), text)
		}
		b.WriteString("| " + text + " |")
		for _, a := range r.Answers {
			cell := answerMarks[a.Verdict]
			if a.Verdict == capability.Partly {
				cell += fmt.Sprintf(" %d/%d", a.Held, a.Of)
			}
			b.WriteString(" " + cell + " |")
		}
		b.WriteString("\n")
	}
}

func markdownLimits(b *strings.Builder, servers []capability.Server, head, rule string) {
	s := viewLimits(servers)
	if len(s.Rows) == 0 {
		return
	}
	fmt.Fprintf(b, "\n### %s\n\n%s\n%s\n", s.Name, head, rule)
	for _, row := range s.Rows {
		b.WriteString("| " + row.Name + " |")
		for _, a := range row.Answers {
			b.WriteString(" " + a.Text + " |")
		}
		b.WriteString("\n")
	}
}

// WriteServerBadge writes the badge of one server: how many of its MUST cases it keeps.
func WriteServerBadge(w io.Writer, t *capability.Table, s *capability.Server) error {
	must := s.Levels["must"]
	of := must.Held + must.Broken + must.Unknown
	name, value, colour := s.Name, fmt.Sprintf("MUST %d/%d", must.Held, of), badgeRed
	if s.Version != "" {
		name += " " + s.Version
	}
	switch {
	case t.Partial != "" || of == 0:
		value, colour = value+" partial", badgeGrey
	case must.Held == of:
		colour = badgeGreen
	}
	title := fmt.Sprintf("%s keeps %d of %d cases of what a WSGI server must do", name, must.Held, of)
	return writeAll(w, "badge", badge(name, value, title, colour))
}
