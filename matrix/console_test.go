package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"wsgimatrix/matrix/results"
)

func TestALiveConsoleKeepsItsStatusBelow(t *testing.T) {
	var out bytes.Buffer
	c := &console{out: &out, live: true}
	c.show("1/2 cells")
	c.say("a line\n")
	c.show("")
	want := clearLine + noWrap + "1/2 cells" + wrap + clearLine + "a line\n" + noWrap + "1/2 cells" + wrap + clearLine
	if got := out.String(); got != want {
		t.Errorf("%q, want\n%q", got, want)
	}
}

func TestAPlainConsoleHasNoStatus(t *testing.T) {
	var out bytes.Buffer
	c := newConsole(&out)
	c.show("1/2 cells")
	c.say("%s %d", c.mark(results.Fail), 7)
	if got := out.String(); got != "✗ 7\n" {
		t.Errorf("%q", got)
	}
}

func TestTheWatcherNamesWhatIsUnderWay(t *testing.T) {
	w := &watcher{console: &console{out: io.Discard}, cells: 2, cases: 4}
	w.Started("a", "x")
	w.Started("b", "x")
	w.Case("a", "x", &results.Case{})
	w.Done(&results.Cell{Server: "a", App: "x", Outcome: results.Pass})
	if want := "1/2 cells, 1/4 cases: b × x"; w.status != want {
		t.Errorf("%q, want %q", w.status, want)
	}
}

func TestAServersLogDoesNotTalkToTheTerminal(t *testing.T) {
	got := lastWords([]byte(strings.Repeat("line\n", 20) + "\x1b[2Jred\x07 \xff\n"))
	if lines := strings.Split(got, "\n"); len(lines) != logLines || lines[logLines-1] != "    | ·[2Jred· �" {
		t.Errorf("%q", got)
	}
}

// reds is a run with so many red cases.
func reds(n int) *results.Run {
	cell := results.Cell{Server: "s", App: "a", Outcome: results.Fail}
	for i := range n {
		cell.Cases = append(cell.Cases, results.Case{Name: fmt.Sprint(i), Outcome: results.Fail, Repro: fmt.Sprintf("repeat %d", i)})
	}
	return &results.Run{
		Servers: []results.Subject{{Name: "s"}}, Apps: []results.Subject{{Name: "a"}, {Name: "left-out"}}, Cells: []results.Cell{cell},
		Outcome: results.Fail, Problems: []string{"a problem"}, Finished: time.Now(), Started: time.Now(),
	}
}

func TestTheEndOfARun(t *testing.T) {
	var out bytes.Buffer
	newConsole(&out).conclude(reds(redShown+2), "out/report.html")
	for _, want := range []string{
		"\n   a          left-out\n", "\ns  ✗ 0/22     –\n", "\n✗ a problem\n", "\n  repeat 19\n", "… and 2 more, in the report", "\nreport: out/report.html\n",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is missing in\n%s", want, out.String())
		}
	}
	if strings.Contains(out.String(), "repeat 20") {
		t.Error("more commands than announced")
	}
}

func TestReplaceIsAllOrNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	write := func(text string, fault error) error {
		return replace(path, func(w io.Writer) error {
			_, err := io.WriteString(w, text)
			return errors.Join(err, fault)
		})
	}
	if err := write("old", nil); err != nil {
		t.Fatal(err)
	}
	err := write("new", syscall.ENOSPC)
	if err == nil || !strings.Contains(complaint(err), path) || !strings.Contains(complaint(err), "The disk is full: `bin/matrix clean`") {
		t.Errorf("complaint: %q", complaint(err))
	}
	if data, err := os.ReadFile(path); err != nil || string(data) != "old" {
		t.Errorf("%q, %v", data, err)
	}
	if left, err := filepath.Glob(filepath.Join(filepath.Dir(path), ".*")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %q, %v", left, err)
	}
}

func TestVerdict(t *testing.T) {
	tests := []struct {
		outcome     results.Outcome
		partial     string
		interrupted bool
		want        int
	}{
		{results.Pass, "", false, exitExpected},
		{results.Known, "", false, exitExpected},
		{results.Pass, "", true, exitExpected}, // too late to change anything
		{results.Fail, "", false, exitDiffers},
		{results.Fail, "--fail-fast", false, exitDiffers},
		{results.Error, "--fail-fast", false, exitBroken},
		{results.Error, "", false, exitBroken},
		{results.Skip, "", false, exitBroken},
		{results.Fail, "interrupted", true, exitBroken},
		{results.Pass, "interrupted", true, exitBroken},
	}
	for _, test := range tests {
		err := verdict(&results.Run{Outcome: test.outcome, Partial: test.partial}, test.interrupted)
		got := exitExpected
		if err != nil {
			got = (&tool{started: true}).code(err)
		}
		if got != test.want {
			t.Errorf("%+v: exit code %d", test, got)
		}
	}
}

func TestALockIsTakenWhileSomebodyOnlyLooks(t *testing.T) {
	dir := t.TempDir()
	first, err := takeLock(dir, []string{"first"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := takeLock(dir, []string{"second"}); err == nil || !strings.Contains(err.Error(), "(first)") {
		t.Errorf("error %v, want the holder's command in it", err)
	}
	if err := first.release(); err != nil {
		t.Fatal(err)
	}
	looker, err := os.Open(first.path) // as a sweep of another run does
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Flock(int(looker.Fd()), syscall.LOCK_SH|syscall.LOCK_NB); err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(lockPause*2, func() { _ = looker.Close() })
	second, err := takeLock(dir, []string{"second"})
	if err != nil {
		t.Fatal(err)
	}
	if err := second.release(); err != nil {
		t.Fatal(err)
	}
}
