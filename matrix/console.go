package main

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"

	"wsgimatrix/matrix/results"
)

// console is what a person sees while a command works: plain lines, and on a terminal one
// status line under them that is redrawn in place.
type console struct {
	mu     sync.Mutex
	out    io.Writer
	live   bool // out is a terminal
	color  bool
	status string
}

func newConsole(out io.Writer) *console {
	live := isTerminal(out)
	return &console{out: out, live: live, color: live && os.Getenv("NO_COLOR") == ""}
}

func isTerminal(out io.Writer) bool {
	file, ok := out.(*os.File)
	if !ok || os.Getenv("TERM") == "dumb" {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// The terminal's words. Without wrapping, a status line that is too long is cut by the
// terminal itself.
const (
	clearLine = "\r\033[K"
	noWrap    = "\033[?7l"
	wrap      = "\033[?7h"
)

// say prints a line above the status. What cannot be printed is lost: a run goes on when
// nobody reads it.
func (c *console) say(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	line := strings.TrimRight(fmt.Sprintf(format, args...), "\n")
	if c.live {
		line = clearLine + line
	}
	_, _ = fmt.Fprintln(c.out, line)
	c.draw()
}

// show replaces the status line; empty removes it.
func (c *console) show(status string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.status = status
	if c.live {
		_, _ = io.WriteString(c.out, clearLine)
	}
	c.draw()
}

func (c *console) draw() {
	if c.live && c.status != "" {
		_, _ = io.WriteString(c.out, noWrap+c.status+wrap)
	}
}

// marks stand for outcomes.
var marks = [...]string{results.Skip: "·", results.Pass: "✓", results.Known: "≈", results.Fail: "✗", results.Error: "!"}

// colors are those of the marks, in the terminal's terms.
var colors = [...]string{results.Skip: "2", results.Pass: "32", results.Known: "33", results.Fail: "31", results.Error: "35"}

// mark is an outcome as a sign.
func (c *console) mark(o results.Outcome) string {
	if !c.color {
		return marks[o]
	}
	return "\033[" + colors[o] + "m" + marks[o] + "\033[0m"
}

// watcher shows a run's progress.
type watcher struct {
	*console
	cells, cases         int // of the plan
	cellsDone, casesDone int
	under                []string // way
	width                int
}

// Started notes a cell that is under way.
func (w *watcher) Started(server, app string) {
	w.under = append(w.under, pair(server, app))
	w.update()
}

// Case counts.
func (w *watcher) Case(string, string, *results.Case) {
	w.casesDone++
	w.update()
}

// Done prints a cell's line, and a line for each difference that was not expected.
func (w *watcher) Done(c *results.Cell) {
	name := pair(c.Server, c.App)
	if i := slices.Index(w.under, name); i >= 0 {
		w.under = slices.Delete(w.under, i, i+1)
	}
	w.cellsDone++
	w.say("%s %s  %s", w.mark(c.Outcome), pad(name, w.width), summary(c))
	if !c.Outcome.Expected() {
		w.complain(c)
	}
	w.update()
}

func (w *watcher) update() {
	w.show(fmt.Sprintf("%d/%d cells, %d/%d cases: %s", w.cellsDone, w.cells, w.casesDone, w.cases, strings.Join(w.under, ", ")))
}

// complain says what is wrong with a cell: its own reason, or its cases'.
func (w *watcher) complain(c *results.Cell) {
	if c.Reason != "" {
		w.say("    %s", indented(c.Reason))
		w.say("%s", lastWords(c.Log))
	}
	for i := range c.Cases {
		k := &c.Cases[i]
		if !k.Outcome.Expected() && k.Reason != c.Reason {
			w.say("    %s %s: %s", w.mark(k.Outcome), k.Name, indented(k.Reason))
		}
	}
}

// pair names a cell.
func pair(server, app string) string { return server + " × " + app }

// pad fills up with blanks, counting characters.
func pad(s string, width int) string {
	return s + strings.Repeat(" ", max(0, width-len([]rune(s))))
}

func indented(s string) string { return strings.ReplaceAll(strings.TrimSpace(s), "\n", "\n      ") }

// logLines is how much of a log is shown on the console; the report has it all.
const logLines = 10

// lastWords is the end of a cell's log.
func lastWords(log []byte) string {
	lines := strings.Split(strings.TrimSpace(strings.ToValidUTF8(string(log), "�")), "\n")
	lines = lines[max(0, len(lines)-logLines):]
	for i, line := range lines {
		lines[i] = "    | " + strings.Map(visible, line)
	}
	return strings.Join(lines, "\n")
}

// visible takes from a server's log what would talk to the terminal.
func visible(r rune) rune {
	if r < ' ' && r != '\t' || r >= 0x7f && r < 0xa0 {
		return '·'
	}
	return r
}

// summary counts a cell: 36/38, 1 differs, 1 known, 1.2 s.
func summary(c *results.Cell) string {
	parts := []string{fmt.Sprintf("%3d/%d", c.Count(results.Pass), len(c.Cases))}
	for _, o := range []struct {
		outcome results.Outcome
		word    string
	}{{results.Fail, "differ"}, {results.Error, "not judged"}, {results.Known, "known"}, {results.Skip, "not run"}} {
		if n := c.Count(o.outcome); n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, o.word))
		}
	}
	return fmt.Sprintf("%s  %.1f s", strings.Join(parts, ", "), c.Seconds)
}
