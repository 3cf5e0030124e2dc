package report

import (
	"fmt"
	"io"
	"strings"

	"wsgimatrix/matrix/results"
)

// A job's summary holds a megabyte at most, and nobody reads that much.
const (
	maxListed    = 50      // differences in the list
	maxDiffShown = 4 << 10 // bytes of one diff
)

// marks stand for outcomes where there is no colour.
var marks = [...]string{results.Skip: "➖", results.Pass: "✅", results.Known: "🟡", results.Fail: "❌", results.Error: "⚠️"}

// WriteMarkdown writes the grid and the list of differences, for a CI job's summary.
func WriteMarkdown(w io.Writer, run *results.Run) error {
	var b strings.Builder
	t := count(run)
	fmt.Fprintf(&b, "## WSGI matrix: %s\n\n", t.verdict(run))
	if run.Partial != "" {
		fmt.Fprintf(&b, "> **Partial run:** %s. What is missing here is not known to be good.\n\n", codeSpan(run.Partial))
	}
	markdownGrid(&b, run)
	markdownLegend(&b, t, run)
	markdownProblems(&b, run.Problems)
	markdownDifferences(&b, run)
	return writeAll(w, "Markdown report", b.String())
}

func markdownGrid(b *strings.Builder, run *results.Run) {
	if len(run.Apps) == 0 {
		return
	}
	b.WriteString("| |")
	for _, app := range subjectViews(run.Apps) {
		b.WriteString(" " + plainText(strings.TrimSpace(app.Title+" "+app.Version)) + " |")
	}
	b.WriteString("\n|---|" + strings.Repeat(":-:|", len(run.Apps)) + "\n")
	for _, row := range rows(run) {
		title := "**" + plainText(row.Server.Title) + "**"
		if row.Server.Version != "" {
			title += " " + plainText(row.Server.Version)
		}
		if row.Server.Ours {
			title += " *(ours)*"
		}
		b.WriteString("| " + title + " |")
		for i := range row.Squares {
			b.WriteString(" " + markdownSquare(&row.Squares[i]) + " |")
		}
		b.WriteString("\n")
	}
	b.WriteString("\n")
}

func markdownSquare(s *square) string {
	if !s.There {
		return " "
	}
	text := marks[s.Outcome]
	if s.Main > 0 {
		text += fmt.Sprintf(" %d", s.Main)
	}
	for _, rest := range s.Rest {
		text += fmt.Sprintf(" · %s %d", marks[rest.Outcome], rest.N)
	}
	return text
}

func markdownLegend(b *strings.Builder, t tally, run *results.Run) {
	var parts []string
	for _, c := range t.counts() {
		parts = append(parts, fmt.Sprintf("%s %s %s", marks[c.Outcome], c.Count, outcomeWords[c.Outcome]))
	}
	if len(parts) > 0 {
		fmt.Fprintf(b, "%s, in %s\n\n", strings.Join(parts, " · "), seconds(run.Finished.Sub(run.Started).Seconds()))
	}
}

func markdownProblems(b *strings.Builder, problems []string) {
	if len(problems) == 0 {
		return
	}
	b.WriteString("### Problems\n\n")
	for _, p := range problems {
		b.WriteString("- " + codeSpan(p) + "\n")
	}
	b.WriteString("\n")
}

func markdownDifferences(b *strings.Builder, run *results.Run) {
	all := failures(run)
	if len(all) == 0 {
		return
	}
	b.WriteString("### What differs\n\n")
	for _, f := range all[:min(len(all), maxListed)] {
		f.markdown(b)
	}
	if more := len(all) - maxListed; more > 0 {
		fmt.Fprintf(b, "- … and %d more: see report.html\n", more)
	}
}

func (f failure) markdown(b *strings.Builder) {
	outcome, where, reason, repro := f.cell.Outcome, f.cell.Server+" / "+f.cell.App, f.cell.Reason, f.cell.Repro
	var exchanges []results.Exchange
	if f.c != nil {
		outcome, where, reason, repro, exchanges = f.c.Outcome, where+" / "+f.c.Name, f.c.Reason, f.c.Repro, f.c.Exchanges
	}
	fmt.Fprintf(b, "- %s **%s**: %s\n", marks[outcome], plainText(where), codeSpan(firstLine(reason)))
	if repro != "" {
		fmt.Fprintf(b, "  <br>repeat with %s\n", codeSpan(repro))
	}
	for i := range exchanges {
		fence(b, fmt.Sprintf("line %d", exchanges[i].Line), "diff", exchanges[i].Diff)
	}
}

// fence puts a text into a block of its own, within a list item, folded away.
func fence(b *strings.Builder, title, language, text string) {
	if text == "" {
		return
	}
	text, note := cut(visible(text), maxDiffShown)
	ticks := strings.Repeat("`", max(3, longestRun(text)+1))
	body := strings.TrimSuffix(text, "\n")
	if note != "" {
		body += "\n… " + note
	}
	block := ticks + language + "\n" + body + "\n" + ticks
	fmt.Fprintf(b, "\n  <details><summary>%s</summary>\n\n  %s\n\n  </details>\n", title, strings.ReplaceAll(block, "\n", "\n  "))
}

// longestRun is the length of the longest run of backticks.
func longestRun(text string) int {
	longest, run := 0, 0
	for _, r := range text {
		if r == '`' {
			run++
			longest = max(longest, run)
		} else {
			run = 0
		}
	}
	return longest
}

// codeSpan writes text so that nothing in it is markup. It is one line: a span ends where a paragraph does.
func codeSpan(text string) string {
	text = oneLine(text)
	ticks := strings.Repeat("`", longestRun(text)+1)
	if text == "" {
		return ""
	}
	if strings.Trim(text, "` ") != text { // a space parts its own ticks from ours, and goes
		text = " " + text + " "
	}
	return ticks + text + ticks
}

// plainText escapes what Markdown, or the HTML in it, could take for markup.
func plainText(text string) string {
	var b strings.Builder
	for _, r := range oneLine(text) {
		switch {
		case r == '<':
			b.WriteString("&lt;")
		case r == '&':
			b.WriteString("&amp;")
		case strings.ContainsRune("\\`*_[]|~>#!", r):
			b.WriteRune('\\')
			b.WriteRune(r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}
