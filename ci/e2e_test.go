package ci_test

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"wsgimatrix/matrix/results"
)

const (
	runLimit  = 25 * time.Minute // with every image to build
	stopLimit = 5 * time.Second
)

// matrix is the tool with an output folder of its own.
func matrix(t *testing.T, out string, args ...string) *exec.Cmd {
	t.Helper()
	path, err := tool()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), path, append([]string{"run", "--out", out}, args...)...)
	cmd.Dir = root
	return cmd
}

// leftovers are the containers and volumes of runs that wrote to out.
func leftovers(t *testing.T, out string) []string {
	t.Helper()
	label := "label=wsgi-matrix.lock=" + filepath.Join(out, ".lock")
	var found []string
	for _, list := range [][]string{{"docker", "ps", "--all", "--quiet"}, {"docker", "volume", "ls", "--quiet"}} {
		names, err := command(t, time.Minute, nil, append(list, "--filter", label)...)
		if err != nil {
			t.Fatalf("%v: %v\n%s", list, err, names)
		}
		found = append(found, strings.Fields(names)...)
	}
	return found
}

func read(t *testing.T, out string) results.Run {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(out, "results.json"))
	if err != nil {
		t.Fatal(err)
	}
	var run results.Run
	if err := json.Unmarshal(data, &run); err != nil {
		t.Fatal(err)
	}
	return run
}

func code(t *testing.T, err error) int {
	t.Helper()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	if exit == nil {
		return 0
	}
	return exit.ExitCode()
}

// TestMatrixRuns runs ours and another's server with two apps, as `make matrix` does with all.
func TestMatrixRuns(t *testing.T) {
	out := t.TempDir()
	args := []string{"--server", "prefork", "--server", "gunicorn", "--app", "bare", "--app", "flask"}
	said, err := matrix(t, out, args...).CombinedOutput()
	if code(t, err) != 0 {
		t.Fatalf("exit code %d\n%s", code(t, err), said)
	}
	run := read(t, out)
	if len(run.Cells) != 4 || run.Partial != "" {
		t.Errorf("%d cells, partial %q, want four and the whole", len(run.Cells), run.Partial)
	}
	for i := range run.Cells {
		cell := &run.Cells[i]
		if !cell.Outcome.Expected() || cell.Count(results.Pass) == 0 {
			t.Errorf("%s × %s: %s, %d cases pass", cell.Server, cell.App, cell.Outcome, cell.Count(results.Pass))
		}
	}
	for _, name := range []string{"report.html", "badge.svg", "junit.xml", "results.md"} {
		if info, err := os.Stat(filepath.Join(out, name)); err != nil || info.Size() == 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
	if left := leftovers(t, out); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
	said, err = matrix(t, out, args...).CombinedOutput()
	if code(t, err) != 0 || strings.Contains(string(said), "built ") {
		t.Errorf("the second run builds something, or fails (%v):\n%s", err, said)
	}
}

// TestRecordShowsTheWSGISide runs two servers that differ: wsgiref gives a request without Content-Type one.
func TestRecordShowsTheWSGISide(t *testing.T) {
	out := t.TempDir()
	said, err := matrix(t, out, "--record", "--server", "wsgiref", "--server", "waitress", "--app", "bare", "--case", "bare/hello").CombinedOutput()
	if code(t, err) != 0 {
		t.Fatalf("exit code %d\n%s", code(t, err), said)
	}
	if !strings.Contains(string(said), "1 of 1 cases differ between servers on the WSGI side") {
		t.Errorf("the console says nothing of the WSGI side:\n%s", said)
	}
	run := read(t, out)
	for i := range run.Cells {
		cell := &run.Cells[i]
		recorded := cell.Cases[0].Recorded
		if recorded == nil || len(recorded.Calls) != 1 {
			t.Fatalf("%s: %+v, want one call", cell.Server, recorded)
		}
		lines := recorded.Calls[0].Compared
		if got := slices.Contains(lines, `environ CONTENT_TYPE = "text/plain"`); got != (cell.Server == "wsgiref") {
			t.Errorf("%s: a CONTENT_TYPE that nobody sent: %t\n%s", cell.Server, got, strings.Join(lines, "\n"))
		}
		if !slices.Contains(lines, "iterated to the end") {
			t.Errorf("%s: %s", cell.Server, strings.Join(lines, "\n"))
		}
	}
	page, err := os.ReadFile(filepath.Join(out, "report.html"))
	if err != nil || !strings.Contains(string(page), `id="wsgi-side"`) {
		t.Errorf("the report has no section of the WSGI side: %v", err)
	}
}

// TestFindingsReplay replays some findings: others each day. `bin/matrix findings --replay` replays all.
func TestFindingsReplay(t *testing.T) {
	path, err := tool()
	if err != nil {
		t.Fatal(err)
	}
	out := t.TempDir()
	cmd := exec.CommandContext(t.Context(), path, "findings", "--replay", "--sample", "10", "--out", out)
	cmd.Dir = root
	said, err := cmd.CombinedOutput()
	if code(t, err) != 0 || !strings.Contains(string(said), "10 findings replayed") {
		t.Errorf("exit code %d\n%s", code(t, err), said)
	}
	if left := leftovers(t, out); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

// underWay starts a long run and returns when it has a container.
func underWay(t *testing.T, out string) *exec.Cmd {
	t.Helper()
	cmd := matrix(t, out, "--server", "wsgiref", "--server", "gunicorn", "--app", "bare", "--app", "flask", "--jobs", "2")
	var said strings.Builder
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(runLimit); len(leftovers(t, out)) < 2; {
		if time.Now().After(deadline) {
			_ = cmd.Process.Kill()
			t.Fatalf("no container is started:\n%s", said.String())
		}
	}
	return cmd
}

// settled are the leftovers when the engine has done what it was last asked for.
func settled(t *testing.T, out string) []string {
	t.Helper()
	for last := leftovers(t, out); ; {
		time.Sleep(2 * time.Second) // nobody tells that nothing more will come
		now := leftovers(t, out)
		if slices.Equal(now, last) {
			return now
		}
		last = now
	}
}

func TestCtrlCLeavesNothingAndAReport(t *testing.T) {
	out := t.TempDir()
	cmd := underWay(t, out)
	asked := time.Now()
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if got := code(t, cmd.Wait()); got != 3 {
		t.Errorf("exit code %d, want 3", got)
	}
	if took := time.Since(asked); took > stopLimit {
		t.Errorf("it took %v to stop, want at most %v", took, stopLimit)
	}
	if left := leftovers(t, out); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
	if run := read(t, out); run.Partial == "" {
		t.Error("the results do not say that they are partial")
	}
}

func TestNextRunSweepsWhatAKilledOneLeft(t *testing.T) {
	killed, next := t.TempDir(), t.TempDir()
	cmd := underWay(t, killed)
	if err := cmd.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // killed, as it says
	if left := settled(t, killed); len(left) == 0 {
		t.Fatal("the killed run left nothing: there is nothing to sweep")
	}
	said, err := matrix(t, next, "--server", "wsgiref", "--app", "bare", "--case", "hello").CombinedOutput()
	if code(t, err) != 0 {
		t.Errorf("exit code %d\n%s", code(t, err), said)
	}
	if left := append(leftovers(t, killed), leftovers(t, next)...); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}
