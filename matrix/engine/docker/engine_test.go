package docker_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/volume"
	"github.com/docker/docker/client"

	"wsgimatrix/matrix/engine"
	"wsgimatrix/matrix/engine/docker"
	"wsgimatrix/matrix/image"
)

const root = "../../.."

var (
	cli    *client.Client
	images struct{ server, app string }
)

// TestMain needs an engine and two images: without them nothing here can be tested.
func TestMain(m *testing.M) {
	ctx := context.Background()
	say := func(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }
	var err error
	if cli, err = docker.Connect(ctx, say); err == nil {
		err = build(ctx, say)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

func build(ctx context.Context, say func(string, ...any)) error {
	m, err := image.New(cli, root)
	if err != nil {
		return err
	}
	server, app := image.Target{Kind: image.Server, Name: "wsgiref"}, image.Target{Kind: image.App, Name: "bare"}
	built, err := m.Build(ctx, []image.Target{server, app}, image.Options{Say: say})
	images.server, images.app = built[server], built[app]
	return err
}

// run is an engine for one run, and the lock that says that the run lives.
type run struct {
	*docker.Engine
	id   string
	lock *os.File
}

var runs sync.Map // keeps ids apart

func newRun(t *testing.T, checkout string) *run {
	t.Helper()
	lock, err := os.OpenFile(filepath.Join(t.TempDir(), ".lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = lock.Close() }) // die may have closed it
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		t.Fatal(err)
	}
	r := &run{id: fmt.Sprintf("test-%d-%d", os.Getpid(), time.Now().UnixNano()), lock: lock}
	if _, taken := runs.LoadOrStore(r.id, true); taken {
		t.Fatalf("two runs with the id %s", r.id)
	}
	r.Engine, err = docker.New(t.Context(), docker.Options{Client: cli, Root: checkout, RunID: r.id, LockPath: lock.Name()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(context.Background()); err != nil {
			t.Error(err)
		}
		if left := r.left(t); left != 0 {
			t.Errorf("the run left %d containers and volumes behind", left)
		}
	})
	return r
}

// die does to the lock what the end of the process would do.
func (r *run) die(t *testing.T) {
	t.Helper()
	if err := r.lock.Close(); err != nil {
		t.Fatal(err)
	}
}

// left counts what the run has on the engine.
func (r *run) left(t *testing.T) int {
	t.Helper()
	mine := filters.NewArgs(filters.Arg("label", "wsgi-matrix.run="+r.id))
	containers, err := cli.ContainerList(context.Background(), container.ListOptions{All: true, Filters: mine})
	if err != nil {
		t.Fatal(err)
	}
	volumes, err := cli.VolumeList(context.Background(), volume.ListOptions{Filters: mine})
	if err != nil {
		t.Fatal(err)
	}
	return len(containers) + len(volumes.Volumes)
}

func spec() engine.Spec {
	return engine.Spec{
		Server: "wsgiref", App: "bare", Image: images.server, AppImage: images.app,
		Callable: "app:app", Port: 8000, Env: map[string]string{"GREETING": "from the spec"},
	}
}

func (r *run) start(t *testing.T) engine.Instance {
	t.Helper()
	cell, err := r.Start(t.Context(), spec())
	if err != nil {
		t.Fatal(err)
	}
	return cell
}

// await polls, for nothing tells when a server listens: the engine's proxy accepts before.
func await(t *testing.T, cell engine.Instance) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for ctx.Err() == nil {
		if body, err := get(ctx, "http://"+cell.Addr()+"/hello"); err == nil {
			return body
		}
	}
	log, err := cell.Log(t.Context())
	t.Fatalf("no answer; its log (%v):\n%s", err, log)
	return ""
}

func get(ctx context.Context, url string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	request.Close = true
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(answer.Body)
	return string(body), err
}

func TestCellServesAndIsConfined(t *testing.T) {
	r := newRun(t, root)
	cell := r.start(t)
	if body := await(t, cell); !strings.HasPrefix(body, "Hello world") {
		t.Errorf("GET /hello: %q", body)
	}
	if !strings.HasPrefix(cell.Addr(), "127.0.0.1:") {
		t.Errorf("published on %s, want the loopback alone", cell.Addr())
	}
	state, err := cell.State(t.Context())
	if err != nil || !state.Running {
		t.Errorf("state %+v, %v, want running", state, err)
	}
	for _, check := range []struct{ what, script string }{
		{"not root", `test "$(id -u)" = 65534`},
		{"the root is read-only", `! touch /made 2>/dev/null`},
		{"the app is read-only", `! touch /app/made 2>/dev/null`},
		{"/tmp is writable", `touch /tmp/made`},
		{"/tmp is small", `test "$(df -m --output=size /tmp | tail -1)" -le 256`},
		{"no capability", `grep -q '^CapEff:\s*0*$' /proc/1/status && grep -q '^CapBnd:\s*0*$' /proc/1/status`},
		{"no new privileges", `grep -q '^NoNewPrivs:\s*1$' /proc/1/status`},
		{"memory is limited", `cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/memory.max 2>/dev/null | grep -qx 1073741824`},
		{"processes are limited", `cat /sys/fs/cgroup/pids/pids.max /sys/fs/cgroup/pids.max 2>/dev/null | grep -qx 512`},
		{"the environment is the spec's", `test "$GREETING" = "from the spec"`},
		{"the server is PID 1", `tr '\0' ' ' < /proc/1/cmdline | grep -q 'serve.py app:app'`},
	} {
		if out, err := cell.Exec(t.Context(), []string{"sh", "-c", check.script}); err != nil {
			t.Errorf("%s: %v\n%s", check.what, err, out)
		}
	}
}

func TestExecTellsOutputAndExitCode(t *testing.T) {
	r := newRun(t, root)
	cell := r.start(t)
	out, err := cell.Exec(t.Context(), []string{"sh", "-c", "echo out; echo err >&2"})
	if err != nil || !strings.Contains(string(out), "out\n") || !strings.Contains(string(out), "err\n") {
		t.Errorf("got %q, %v, want both streams", out, err)
	}
	_, err = cell.Exec(t.Context(), []string{"sh", "-c", "echo why >&2; exit 7"})
	if err == nil || !strings.Contains(err.Error(), "exit code 7: why") {
		t.Errorf("got %v, want the exit code and the output", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if _, err := cell.Exec(ctx, []string{"sleep", "60"}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want the end of the context", err)
	}
}

func TestServerThatEndsTellsHow(t *testing.T) {
	r := newRun(t, root)
	broken := spec()
	broken.Callable = "no_such_module:app"
	cell, err := r.Start(t.Context(), broken)
	if err != nil {
		t.Fatal(err)
	}
	state := awaitEnd(t, cell)
	if state.ExitCode == 0 || state.OOM {
		t.Errorf("state %+v, want an exit code", state)
	}
	log, err := cell.Log(t.Context())
	if err != nil || !strings.Contains(string(log), "no_such_module") {
		t.Errorf("log %q, %v, want the traceback", log, err)
	}
}

func TestSignalReachesTheServer(t *testing.T) {
	r := newRun(t, root)
	cell := r.start(t)
	if err := cell.Signal(t.Context(), "SIGNONE"); err == nil {
		t.Error("no error for a signal that there is not")
	}
	if err := cell.Signal(t.Context(), "SIGKILL"); err != nil {
		t.Fatal(err)
	}
	if state := awaitEnd(t, cell); state.ExitCode != 137 {
		t.Errorf("state %+v, want the exit code of a process that was killed", state)
	}
	if err := cell.Signal(t.Context(), "SIGKILL"); err == nil {
		t.Error("no error for a server that has ended")
	}
}

func awaitEnd(t *testing.T, cell engine.Instance) engine.State {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); {
		state, err := cell.State(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if !state.Running {
			return state
		}
	}
	t.Fatal("still running")
	return engine.State{}
}

func TestCellsOfOneAppShareOneVolume(t *testing.T) {
	r := newRun(t, root)
	const cells = 3
	var group sync.WaitGroup
	for range cells {
		group.Go(func() {
			if _, err := r.Start(t.Context(), spec()); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if left := r.left(t); left != cells+1 {
		t.Errorf("%d containers and volumes, want %d containers and one volume", left, cells)
	}
}

func TestRemoveMayBeCalledTwice(t *testing.T) {
	r := newRun(t, root)
	cell := r.start(t)
	var group sync.WaitGroup
	for range 2 {
		group.Go(func() {
			if err := cell.Remove(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if _, err := cell.State(t.Context()); err == nil {
		t.Error("a removed cell still has a state")
	}
}

func TestStartThatFailsLeavesNothing(t *testing.T) {
	r := newRun(t, root)
	r.start(t) // makes the volume
	before := r.left(t)
	broken := spec()
	broken.Stop = "SIGNONSENSE"
	if _, err := r.Start(t.Context(), broken); err == nil {
		t.Fatal("started with a signal that does not exist")
	} else if !strings.Contains(err.Error(), "wsgiref with bare") {
		t.Errorf("%v: does not name the cell", err)
	}
	if left := r.left(t); left != before {
		t.Errorf("%d things left, want %d", left, before)
	}
}

func TestStartWithoutItsImageFailsAtOnce(t *testing.T) {
	r := newRun(t, root)
	broken := spec()
	broken.Image = "wsgi-matrix/no-such:image"
	start := time.Now()
	_, err := r.Start(t.Context(), broken)
	if err == nil || !strings.Contains(err.Error(), "wsgi-matrix/no-such:image is gone") {
		t.Errorf("got %v, want to be told that the image is gone", err)
	}
	if took := time.Since(start); took > 10*time.Second {
		t.Errorf("it took %v to notice", took)
	}
}

func TestStartThatIsInterruptedLeavesNothing(t *testing.T) {
	r := newRun(t, root)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if cell, err := r.Start(ctx, spec()); err == nil {
			t.Logf("%s started before it was interrupted", cell.Addr())
		}
	}()
	time.AfterFunc(100*time.Millisecond, cancel)
	<-ended
	if err := r.Close(context.Background()); err != nil {
		t.Error(err)
	}
	if left := r.left(t); left != 0 {
		t.Errorf("%d things left", left)
	}
}

func TestSweepTakesWhatDeadRunsOfThisCheckoutLeft(t *testing.T) {
	here, elsewhere := t.TempDir(), t.TempDir()
	dead, alive, other, sweeper := newRun(t, here), newRun(t, here), newRun(t, elsewhere), newRun(t, here)
	for _, r := range []*run{dead, alive, other, sweeper} {
		r.start(t)
	}
	dead.die(t)
	other.die(t)
	swept, err := sweeper.Sweep(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if swept.Containers != 1 || swept.Volumes != 1 || swept.Networks != 0 {
		t.Errorf("swept %+v, want one container and one volume", swept)
	}
	for name, check := range map[string]struct {
		run  *run
		want int
	}{
		"a dead run":             {dead, 0},
		"a run that lives":       {alive, 2},
		"another checkout's":     {other, 2},
		"the run that has swept": {sweeper, 2},
	} {
		if left := check.run.left(t); left != check.want {
			t.Errorf("%s has %d things left, want %d", name, left, check.want)
		}
	}
}

func TestHarnessTalks(t *testing.T) {
	r := newRun(t, root)
	var stderr strings.Builder
	script := "import os, sys\nfor line in sys.stdin.buffer: sys.stdout.buffer.write(line.upper()); sys.stdout.flush()\nprint(os.environ['WHO'], os.getcwd(), os.path.exists('app.py'), file=sys.stderr)"
	h, err := r.Harness(t.Context(), images.app, []string{"python3", "-c", script}, map[string]string{"WHO": "me"}, &stderr)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // a conversation, not one batch
		talk(t, h)
	}
	if err := h.Stdin.Close(); err != nil {
		t.Fatal(err)
	}
	rest, err := io.ReadAll(h.Stdout)
	if err != nil || len(rest) != 0 {
		t.Errorf("after the end of the input: %q, %v", rest, err)
	}
	if stderr.String() != "me /app True\n" {
		t.Errorf("standard error %q", stderr.String())
	}
	if err := h.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if left := r.left(t); left != 0 {
		t.Errorf("%d containers left", left)
	}
}

func talk(t *testing.T, h *docker.Harness) {
	t.Helper()
	if _, err := io.WriteString(h.Stdin, "a \x00 b\n"); err != nil {
		t.Fatal(err)
	}
	answer := make([]byte, 6)
	if _, err := io.ReadFull(h.Stdout, answer); err != nil || string(answer) != "A \x00 B\n" {
		t.Fatalf("got %q, %v", answer, err)
	}
}

func TestHarnessEndsWithItsContext(t *testing.T) {
	r := newRun(t, root)
	ctx, cancel := context.WithCancel(t.Context())
	h, err := r.Harness(ctx, images.app, []string{"sleep", "60"}, nil, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	if _, err := io.ReadAll(h.Stdout); err == nil {
		t.Error("the output ended as if the command had ended well")
	}
	if err := h.Close(ctx); err != nil {
		t.Error(err)
	}
}

func TestInfoNamesTheEngine(t *testing.T) {
	info, err := newRun(t, root).Info(t.Context())
	if err != nil || info.Version == "" || info.CPUs < 1 || info.OS == "" {
		t.Errorf("%+v, %v", info, err)
	}
}
