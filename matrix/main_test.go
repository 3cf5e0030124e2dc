package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"wsgimatrix/matrix/engine/enginetest"
	"wsgimatrix/matrix/plan"
	"wsgimatrix/matrix/results"
	"wsgimatrix/matrix/run"
)

// TestMain makes two commands of this binary: the real one, and one whose cells are servers
// within the process, so that exit codes and messages can be tested without an engine.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"matrix": main, "matrix-inprocess": inprocess})
}

func inprocess() {
	ctx, stop := interruptible(context.Background(), os.Stderr)
	t := &tool{out: os.Stdout, err: os.Stderr, open: openInprocess}
	code := t.run(ctx, os.Args)
	stop()
	os.Exit(code)
}

// inprocessBackend has servers within the process, and apps as plain Python processes.
type inprocessBackend struct {
	*enginetest.Engine
	root string
}

func openInprocess(_ context.Context, root, _, _ string, _ func(string, ...any)) (backend, error) {
	return &inprocessBackend{root: root, Engine: &enginetest.Engine{Servers: map[string]enginetest.Server{
		"good":   site(nil),
		"odd":    site(map[string]http.HandlerFunc{"/b": odd}),
		"mortal": site(map[string]http.HandlerFunc{"/b": func(_ http.ResponseWriter, r *http.Request) { enginetest.Crash(r, 139) }}),
		"ends":   enginetest.Exits(3, "ImportError: no module named app"),
		"silent": site(map[string]http.HandlerFunc{"/b": silent}),
	}}}, nil
}

// site answers each path with its name.
func site(other map[string]http.HandlerFunc) enginetest.Server {
	return enginetest.HTTP(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		if h := other[r.URL.Path]; h != nil {
			h(w, r)
			return
		}
		_, _ = fmt.Fprintf(w, "%s\n", strings.TrimPrefix(r.URL.Path, "/"))
	}))
}

func odd(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "odd\n") }

// silent tells the test that it was asked, and does not answer.
func silent(_ http.ResponseWriter, r *http.Request) {
	if err := os.WriteFile("asked", nil, 0o644); err != nil {
		panic(err)
	}
	<-r.Context().Done()
}

func (b *inprocessBackend) Build(_ context.Context, p *plan.Plan, opts buildOptions) (run.Images, error) {
	images := run.Images{Servers: map[string]string{}, Apps: map[string]string{}}
	var err error
	for _, s := range p.Servers {
		if s.Name == "unbuilt" {
			err = errors.New("image: build server-unbuilt: no package of that name")
			continue
		}
		images.Servers[s.Name] = s.Name
	}
	for _, a := range p.Apps {
		images.Apps[a.Name] = a.Name
	}
	opts.say("built everything")
	return images, err
}

func (b *inprocessBackend) Prune(context.Context, *plan.Plan) (int, error) { return 0, nil }
func (b *inprocessBackend) Sweep(context.Context) (int, error)             { return 0, nil }
func (b *inprocessBackend) Clean(context.Context, *plan.Plan) (string, error) {
	return cleaned(0, 0, 0, 0), nil
}

// streams is a command's standard streams.
type streams struct {
	io.Reader
	io.WriteCloser
	cmd *exec.Cmd
}

func (s streams) Close() error {
	return errors.Join(s.WriteCloser.Close(), s.cmd.Wait())
}

func (b *inprocessBackend) Harness(ctx context.Context, image string, argv []string, _ map[string]string, stderr io.Writer) (io.ReadWriteCloser, error) {
	cmd := exec.CommandContext(ctx, argv[0], append(argv[1:], filepath.Join(b.root, "apps", image))...)
	cmd.Stderr = stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	return streams{out, in, cmd}, cmd.Start()
}

// appPy is an app that agrees with the servers above.
const appPy = `def app(environ, start_response):
    body = environ["PATH_INFO"][1:].encode() + b"\n"
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [body]
`

// checkout fills a folder with these servers, one app, and the cases a, b and c.
func checkout(dir string, servers []string) error {
	files := map[string]string{
		"matrix.yaml":        "servers: [" + strings.Join(servers, ", ") + "]\napps: [app]\n",
		"apps/app/app.yaml":  "title: An app\n",
		"apps/app/app.py":    appPy,
		"servers/README.md":  "no server\n",
		"apps/app/notes.txt": "no case\n",
	}
	for _, s := range servers {
		files["servers/"+s+"/server.yaml"] = "command: [x, \"{app}\"]\nport: 80\nversion: [x]\n"
	}
	for _, c := range []string{"a", "b", "c"} {
		files["apps/app/cases/"+c+".txtar"] = fmt.Sprintf("Asks for %s\n\n-- send --\nGET /%s HTTP/1.1\nHost: x\n\n-- expect --\n200 OK\nContent-Type: text/plain\n\n%s\n\n", c, c, c)
	}
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(env *testscript.Env) error {
			// No script may reach the machine's own engine.
			env.Setenv("DOCKER_HOST", "unix://"+filepath.Join(env.WorkDir, "no.sock"))
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"checkout": func(ts *testscript.TestScript, _ bool, args []string) { ts.Check(checkout(ts.MkAbs("."), args)) },
			"exits":    exits,
			"await":    await,
			"holds":    holds,
		},
	})
}

// exits runs a command that has to end with an exit code: exits CODE COMMAND…
func exits(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	var exit *exec.ExitError
	switch err := ts.Exec(args[1], args[2:]...); {
	case errors.As(err, &exit):
		got = exit.ExitCode()
	default:
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

const patience = 20 * time.Second

// await waits for a file that a background command makes.
func await(ts *testscript.TestScript, _ bool, args []string) {
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if _, err := os.Stat(ts.MkAbs(args[0])); err == nil {
			return
		}
	}
	ts.Fatalf("no %s within %v", args[0], patience)
}

// holds compares a run's results.json with its outcomes: holds FILE OUTCOME [partial]
func holds(ts *testscript.TestScript, _ bool, args []string) {
	file, err := os.Open(ts.MkAbs(args[0]))
	ts.Check(err)
	defer func() { _ = file.Close() }() // read only
	r, err := results.Read(file)
	ts.Check(err)
	if partial := len(args) > 2; r.Outcome.String() != args[1] || (r.Partial != "") != partial {
		ts.Fatalf("outcome %s, partial %q", r.Outcome, r.Partial)
	}
}

// start runs the in-process command on a checkout and waits until a server holds it up.
func start(t *testing.T) (cmd *exec.Cmd, dir string) {
	t.Helper()
	dir = t.TempDir()
	if err := checkout(dir, []string{"silent", "good"}); err != nil {
		t.Fatal(err)
	}
	cmd = exec.Command("matrix-inprocess", "run", "--jobs", "1")
	cmd.Dir = dir
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		if _, err := os.Stat(filepath.Join(dir, "asked")); err == nil {
			return cmd, dir
		}
		if time.Now().After(deadline) {
			t.Fatal("the server was never asked")
		}
	}
}

func TestCtrlCEndsWithinFiveSeconds(t *testing.T) {
	cmd, dir := start(t)
	at := time.Now()
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // the exit code is looked at below
	if took := time.Since(at); took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
	if code := cmd.ProcessState.ExitCode(); code != exitBroken {
		t.Errorf("exit code %d, want %d", code, exitBroken)
	}
	file, err := os.Open(filepath.Join(dir, "out", "results.json"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }() // read only
	r, err := results.Read(file)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(r.Partial, "interrupted; 5 of 6") {
		t.Errorf("partial: %q", r.Partial)
	}
}

func TestTheSecondCtrlCEndsAtOnce(t *testing.T) {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	if os.Getenv("MATRIX_TEST_HANGS") != "" { // the child: a command that ignores its context
		interruptible(ctx, os.Stderr)
		_, _ = fmt.Println("ready")
		select {}
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestTheSecondCtrlCEndsAtOnce$")
	cmd.Env = append(os.Environ(), "MATRIX_TEST_HANGS=1")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	said, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	readUntil(t, out, "ready")
	interrupt(t, cmd)
	readUntil(t, said, "once more leaves at once")
	interrupt(t, cmd)
	_ = cmd.Wait() // the exit code is looked at below
	if code := cmd.ProcessState.ExitCode(); code != exitBroken {
		t.Errorf("exit code %d, want %d", code, exitBroken)
	}
}

func interrupt(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
}

func readUntil(t *testing.T, r io.Reader, want string) {
	t.Helper()
	var got strings.Builder
	for buf := make([]byte, 256); !strings.Contains(got.String(), want); {
		n, err := r.Read(buf)
		got.Write(buf[:n])
		if err != nil {
			t.Fatalf("%v after %q", err, got.String())
		}
	}
}
