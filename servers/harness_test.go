//go:build toolchain

package servers_test

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// limit is how long anything that is awaited may take.
const limit = 30 * time.Second

// model is a server under test.
type model struct {
	name       string
	args       []string
	concurrent bool // a client that waits keeps nobody else waiting
	requests   int  // that may be in the application at once
}

var models = []model{
	{name: "iterative", requests: 1},
	{name: "threaded", args: []string{"--threads", "4"}, concurrent: true, requests: 4},
	{name: "eventloop", concurrent: true, requests: 1},
	{name: "prefork", args: []string{"--workers", "2"}, concurrent: true, requests: 2},
}

func named(names ...string) []model {
	return slices.DeleteFunc(slices.Clone(models), func(m model) bool { return !slices.Contains(names, m.name) })
}

// concurrent are the models that serve more than one client at a time.
func concurrent() []model {
	return slices.DeleteFunc(slices.Clone(models), func(m model) bool { return !m.concurrent })
}

// each runs a test once for each of these models, side by side.
func each(t *testing.T, these []model, test func(t *testing.T, m model)) {
	t.Helper()
	t.Parallel()
	for _, m := range these {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			test(t, m)
		})
	}
}

// server is a command that runs.
type server struct {
	t     *testing.T
	model model
	cmd   *exec.Cmd
	addr  string
	unix  bool
	dir   string // gates, and what else a test keeps
	log   *logBuffer
	gates map[string]*os.File
	said  chan string   // what the application says
	ended chan struct{} // closed when the process is gone
}

// start starts a model with the application of testdata.
func start(t *testing.T, m model, flags ...string) *server {
	t.Helper()
	return startWith(t, m, options{}, flags...)
}

// options are what few tests change.
type options struct {
	chdir  string   // instead of testdata
	output *os.File // instead of the log
	files  int      // that a process may have open
}

func startWith(t *testing.T, m model, o options, flags ...string) *server {
	t.Helper()
	s := &server{t: t, model: m, dir: t.TempDir(), log: newLog(), gates: map[string]*os.File{}, said: make(chan string, 4096), ended: make(chan struct{})}
	s.makeGates("events", "stream", "hold", "thread")
	go s.listen()
	args := append(slices.Clone(m.args), flags...)
	if i := slices.Index(args, "--bind"); i >= 0 {
		s.addr, s.unix = strings.CutPrefix(args[i+1], "unix:")
	} else {
		s.addr = freePort(t)
		args = append(args, "--bind", s.addr)
	}
	s.cmd = command(m.name, append(args, "--chdir", cmp.Or(o.chdir, "testdata"), "app:app")...)
	if o.files > 0 {
		s.cmd.Args = append([]string{"sh", "-c", fmt.Sprintf("ulimit -n %d && exec \"$@\"", o.files), "sh", s.cmd.Path}, s.cmd.Args[1:]...)
		s.cmd.Path = "/bin/sh"
	}
	s.cmd.Env = append(s.cmd.Env, "GATES="+s.dir)
	s.cmd.Stdout, s.cmd.Stderr = s.log, s.log
	if o.output != nil {
		s.cmd.Stdout, s.cmd.Stderr = o.output, o.output
	}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { s.cmd.Wait(); close(s.ended) }() //nolint:errcheck,gosec // ProcessState tells
	t.Cleanup(s.cleanUp)
	s.awaitListening()
	return s
}

func command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(home, "bin", name), args...)
	cmd.Env = append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1", "LANG=C.UTF-8")
	return cmd
}

var lastPort atomic.Int32

// freePort gives a port below those that the kernel gives to clients.
func freePort(t *testing.T) string {
	// A child that is born now keeps the socket until it execs, and it would answer in the server's place.
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	for range 1000 {
		addr := fmt.Sprintf("127.0.0.1:%d", 20000+(os.Getpid()*7+int(lastPort.Add(1)))%10000)
		if l, err := net.Listen("tcp", addr); err == nil {
			l.Close() //nolint:errcheck,gosec // it was a question
			return addr
		}
	}
	t.Fatal("no free port")
	return ""
}

// awaitListening is short: a command binds before it does anything else.
func (s *server) awaitListening() {
	s.t.Helper()
	for end := time.Now().Add(limit); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		if c, err := net.Dial(s.network(), s.addr); err == nil {
			c.Close() //nolint:errcheck,gosec // it was a question
			return
		}
		select {
		case <-s.ended:
			return // the test says whether that is wrong
		default:
		}
	}
	s.t.Fatalf("%s does not listen\n%s", s.model.name, s.log)
}

func (s *server) network() string {
	if s.unix {
		return "unix"
	}
	return "tcp"
}

func (s *server) makeGates(names ...string) {
	for _, name := range names {
		path := filepath.Join(s.dir, name)
		err := syscall.Mkfifo(path, 0o600)
		file, err2 := os.OpenFile(path, os.O_RDWR|syscall.O_NONBLOCK, 0)
		if err := errors.Join(err, err2); err != nil {
			s.t.Fatal(err)
		}
		s.gates[name] = file
	}
}

// open lets whoever waits at a gate, or comes there, go on: n times.
func (s *server) open(gate string, n int) {
	s.t.Helper()
	if _, err := s.gates[gate].Write(bytes.Repeat([]byte{1}, n)); err != nil {
		s.t.Fatal(err)
	}
}

func (s *server) listen() {
	lines := bufio.NewScanner(s.gates["events"])
	for lines.Scan() {
		s.said <- lines.Text()
	}
}

// says waits for the next thing that the application says.
func (s *server) says(want string) {
	s.t.Helper()
	select {
	case got := <-s.said:
		equal(s.t, "the application said", got, want)
	case <-time.After(limit):
		s.t.Fatalf("the application never said %q\n%s", want, s.log)
	}
}

// silent tells that the application has nothing more to say. It is asked after the
// application has answered another request, or ended: then all is said.
func (s *server) silent() {
	s.t.Helper()
	select {
	case got := <-s.said:
		s.t.Errorf("the application also said %q", got)
	default:
	}
}

func (s *server) signal(sig syscall.Signal) {
	s.t.Helper()
	if err := s.cmd.Process.Signal(sig); err != nil {
		s.t.Fatal(err)
	}
}

// exit waits for the end and returns the exit code.
func (s *server) exit() int {
	s.t.Helper()
	select {
	case <-s.ended:
		return s.cmd.ProcessState.ExitCode()
	case <-time.After(limit):
		s.t.Fatalf("%s does not end\n%s", s.model.name, s.log)
		return -1
	}
}

func (s *server) running() bool {
	select {
	case <-s.ended:
		return false
	default:
		return true
	}
}

// cleanUp ends a server that its test has left running: twice SIGTERM ends it at once.
func (s *server) cleanUp() {
	if s.running() {
		s.cmd.Process.Signal(syscall.SIGTERM) //nolint:errcheck,gosec // it may be gone
		select {
		case <-s.ended:
		case <-time.After(3 * time.Second):
			s.kill()
		}
	}
	for _, f := range s.gates {
		f.Close() //nolint:errcheck,gosec // a FIFO
	}
	if s.t.Failed() {
		s.t.Logf("the log of %s:\n%s", s.model.name, middleCut(s.log.String(), 8000))
	}
}

// middleCut keeps the two ends of a long text: a crash says why at its beginning.
func middleCut(text string, most int) string {
	if len(text) <= most {
		return text
	}
	return fmt.Sprintf("%s\n… (%d bytes) …\n%s", text[:most/2], len(text)-most, text[len(text)-most/2:])
}

func (s *server) kill() {
	for _, pid := range s.family() {
		syscall.Kill(pid, syscall.SIGKILL) //nolint:errcheck,gosec // it may be gone
	}
	<-s.ended
}

// logBuffer keeps what a server prints.
type logBuffer struct {
	mu      sync.Mutex
	text    bytes.Buffer
	changed chan struct{}
}

func newLog() *logBuffer { return &logBuffer{changed: make(chan struct{})} }

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	close(l.changed)
	l.changed = make(chan struct{})
	return l.text.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// logs waits until a text stands in the log.
func (s *server) logs(want string) {
	s.t.Helper()
	s.logsWhen(want, func(text string) bool { return strings.Contains(text, want) })
}

func (s *server) logsWhen(what string, is func(text string) bool) {
	s.t.Helper()
	timeout := time.After(limit)
	for {
		s.log.mu.Lock()
		changed, text := s.log.changed, s.log.text.String()
		s.log.mu.Unlock()
		if is(text) {
			return
		}
		select {
		case <-changed:
		case <-timeout:
			s.t.Fatalf("the log never says %q:\n%s", what, s.log)
		}
	}
}

func equal[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: %#v, want %#v", what, got, want)
	}
}

func contains(t *testing.T, what, text, want string) {
	t.Helper()
	if !strings.Contains(text, want) {
		t.Errorf("%s does not contain %q:\n%s", what, want, text)
	}
}
