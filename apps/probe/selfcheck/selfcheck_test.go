// Package selfcheck_test proves that every case of the probe can catch a wrong server: a small server
// that is right passes them all, and for each there is something that it can do wrong, on which the
// case fails.
package selfcheck_test

import (
	"bufio"
	"bytes"
	"context"
	"flag"
	"fmt"
	"maps"
	"net"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"gopkg.in/yaml.v3"

	"wsgimatrix/matrix/engine"
	"wsgimatrix/matrix/golden"
	"wsgimatrix/matrix/plan"
	"wsgimatrix/matrix/results"
	"wsgimatrix/matrix/run"
)

const (
	startup = 30 * time.Second // until a server listens
	ending  = 5 * time.Second  // until a killed one has ended
	listing = 20 * time.Second
	atOnce  = 4                // cases with one server
	patient = 5 * time.Second  // the least timeout of a case that has to pass
	enough  = 10 * time.Second // the longest of one that has to fail
)

// mutation is what mutations.yaml says of one thing that the server can do wrong.
type mutation struct {
	Cases []string `yaml:"cases"` // they must fail
	Dies  bool     `yaml:"dies"`  // the server may end: where it may not, that is no catch
	Broad bool     `yaml:"broad"` // hardly a case passes: the controls are not asked for
}

// controls are plain cases that pass under a mutation that does not list them: the server does
// one thing wrong, and is not simply broken.
var controls = []string{"c6-path", "c26-read-n", "c60-http-1.1"}

func TestMain(m *testing.M) {
	if _, err := exec.LookPath("python3"); err != nil {
		fmt.Println("skipped:", err)
		return
	}
	// The servers and the cases wait more than they compute. A -parallel on the command line still counts.
	if err := flag.Set("test.parallel", strconv.Itoa(2*runtime.GOMAXPROCS(0))); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

func TestRightServerPasses(t *testing.T) {
	s := start(t, "")
	for _, c := range slices.SortedFunc(maps.Values(cases(t)), byName) {
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			c.Timeout = max(c.Timeout, patient)
			s := s
			if apart(c) {
				s = start(t, "", mode(c)...)
			}
			if result := s.play(t, c); result.Outcome != results.Pass {
				t.Error(shown(result))
			}
		})
	}
}

func TestEachMutationIsCaught(t *testing.T) {
	all := cases(t)
	for name, m := range mutations(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, name)
			s.playAll(t, name, all, m)
			if !m.Broad && !m.Dies {
				s.controls(t, all, m)
			}
		})
	}
}

// playAll plays the cases that must fail, several at a time.
func (s *server) playAll(t *testing.T, name string, all map[string]*golden.Case, m mutation) {
	t.Helper()
	var group sync.WaitGroup
	defer group.Wait()
	slots := make(chan struct{}, atOnce)
	for i, wanted := range m.Cases {
		c, ok := all[wanted]
		if !ok {
			t.Errorf("%s is no case without a set-up", wanted)
			continue
		}
		on := s
		if m.Dies && i > 0 || apart(c) {
			on = start(t, name, mode(c)...) // the one before has ended, or is another's
		}
		slots <- struct{}{}
		group.Go(func() {
			defer func() { <-slots }()
			c := *c
			c.Timeout = min(c.Timeout, enough)
			if result := on.play(t, &c); !caught(result, m) {
				t.Errorf("%s does not fail: %s %s", wanted, result.Outcome, result.Reason)
			}
		})
	}
}

// apart tells whether a case needs a server of its own.
func apart(c *golden.Case) bool { return len(c.Tells()) > 0 || c.Setup == recycled }

// mode are the options of the server that a case asks for.
func mode(c *golden.Case) []string {
	switch {
	case c.Setup == recycled:
		return []string{"--workers", "2", "--recycle", "20"}
	case len(c.Tells()) > 0 && !c.Ends():
		return []string{"--workers", "2"}
	}
	return nil
}

// recycled is the one set-up that the server has.
const recycled = "recycled"

// caught tells whether a case has seen that something is wrong.
func caught(result results.Case, m mutation) bool {
	return result.Outcome == results.Fail || m.Dies && result.Outcome == results.Error
}

func (s *server) controls(t *testing.T, all map[string]*golden.Case, m mutation) {
	t.Helper()
	for _, name := range controls {
		if slices.Contains(m.Cases, name) {
			continue
		}
		c := *all[name]
		c.Timeout = patient
		if result := s.play(t, &c); result.Outcome != results.Pass {
			t.Errorf("a control fails, and is not listed: %s", shown(result))
		}
	}
}

// TestEachCaseCatchesSomething holds mutations.yaml against the cases and against the server.
func TestEachCaseCatchesSomething(t *testing.T) {
	listed := map[string]bool{}
	known := mutations(t)
	for _, m := range known {
		for _, name := range m.Cases {
			listed[name] = true
		}
	}
	for name := range cases(t) {
		if !listed[name] {
			t.Errorf("no mutation is known that %s catches", name)
		}
	}
	served := served(t)
	for _, name := range served {
		if len(known[name].Cases) == 0 {
			t.Errorf("mutations.yaml names no case for %s", name)
		}
	}
	for name := range known {
		if !slices.Contains(served, name) {
			t.Errorf("the server knows no mutation %s", name)
		}
	}
}

// cases are those of the probe that this server can be asked, by name.
func cases(t *testing.T) map[string]*golden.Case {
	t.Helper()
	loaded, err := golden.LoadDir("../cases")
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]*golden.Case{}
	for _, c := range loaded {
		if c.Setup == "" || c.Setup == plan.Alone || c.Setup == recycled {
			all[c.Name] = c
		}
	}
	return all
}

func byName(a, b *golden.Case) int { return strings.Compare(a.Name, b.Name) }

func mutations(t *testing.T) map[string]mutation {
	t.Helper()
	data, err := os.ReadFile("mutations.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var all map[string]mutation
	if err := yaml.Unmarshal(data, &all); err != nil {
		t.Fatal(err)
	}
	return all
}

// served are the names of what the server can do wrong.
func served(t *testing.T) []string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), listing)
	defer cancel()
	out, err := exec.CommandContext(ctx, "python3", "server.py", "--list").Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.Fields(string(out))
}

// server is a process of server.py.
type server struct {
	addr    string
	process *os.Process
	ended   chan struct{} // closed when it has
	state   *os.ProcessState
	log     *printed
}

// printed is what a server has printed.
type printed struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (p *printed) Write(data []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.Write(data)
}

func (p *printed) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.String()
}

// Log is what it has printed.
func (s *server) Log(context.Context) ([]byte, error) { return []byte(s.log.String()), nil }

func (s *server) Addr() string { return s.addr }

// Tell tells it by a signal.
func (s *server) Tell(_ context.Context, verb golden.Verb, worker string) error {
	switch verb {
	case golden.Stop:
		return s.process.Signal(syscall.SIGTERM)
	case golden.Reload:
		return s.process.Signal(syscall.SIGHUP)
	}
	pid, err := strconv.Atoi(worker)
	if err != nil {
		return err
	}
	return syscall.Kill(pid, syscall.SIGKILL)
}

// State tells whether it has ended.
func (s *server) State(context.Context) (engine.State, error) {
	select {
	case <-s.ended:
		return engine.State{ExitCode: s.state.ExitCode()}, nil
	default:
		return engine.State{Running: true}, nil
	}
}

// start starts a server with its own record (see record.py), and awaits its port.
func start(t *testing.T, wrong string, mode ...string) *server {
	t.Helper()
	args := append([]string{"-B", "server.py"}, mode...)
	if wrong != "" {
		args = append(args, "--wrong", wrong)
	}
	log := &printed{}
	s := &server{ended: make(chan struct{}), log: log}
	cmd := exec.CommandContext(t.Context(), "python3", args...)
	cmd.Env = append(os.Environ(), "PYTHONPATH=..", "TMPDIR="+t.TempDir())
	cmd.Stderr, cmd.WaitDelay = log, ending
	t.Cleanup(func() { // registered before the process is there, and run before its folder is removed
		if cmd.Process != nil {
			_ = cmd.Process.Kill() // it may have ended
			<-s.ended
		}
		if t.Failed() {
			t.Logf("the server's log ends with:\n%s", log.String()[max(0, len(log.String())-4000):])
		}
	})
	if _, err := cmd.StdinPipe(); err != nil { // the server ends when this process does
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	s.process = cmd.Process
	go func() {
		defer close(s.ended)
		_ = cmd.Wait() // with the signal that it was sent, or by itself
		s.state = cmd.ProcessState
	}()
	unheard := time.AfterFunc(startup, func() { _ = cmd.Process.Kill() }) // which ends the reading below
	defer unheard.Stop()
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("the server does not say its port: %v", err)
	}
	s.addr = net.JoinHostPort("127.0.0.1", strings.TrimSpace(line))
	return s
}

func (s *server) play(t *testing.T, c *golden.Case) results.Case {
	t.Helper()
	limits := run.DefaultLimits()
	limits.Wait, limits.Settle, limits.Evidence = time.Second, 100*time.Millisecond, 0
	return run.PlayWith(t.Context(), s, c, limits)
}

func shown(result results.Case) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s %s\n", result.Name, result.Outcome, result.Reason)
	for _, ex := range result.Exchanges {
		fmt.Fprintf(&b, "line %d: %s\n%s\n", ex.Line, strings.Join(ex.Differences, "; "), ex.Shown)
	}
	return b.String()
}
