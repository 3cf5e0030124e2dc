//go:build toolchain

package servers_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// The processes of prefork: master → zygote → workers.

func prefork(workers int) model {
	return model{name: "prefork", args: []string{"--workers", fmt.Sprint(workers)}, concurrent: true, requests: workers}
}

// workersAre waits until there are exactly n workers that did not exist before, and returns them.
func (s *server) workersAre(n int, before ...int) []int {
	s.t.Helper()
	old := map[int]bool{}
	for _, pid := range before {
		old[pid] = true
	}
	var now []int
	for end := time.Now().Add(limit); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		now = s.workers()
		fresh := 0
		for _, pid := range now {
			if alive(pid) && !old[pid] {
				fresh++
			}
		}
		if fresh == n && len(now) == n {
			return now
		}
	}
	s.t.Fatalf("%d workers: %v; want %d, none of %v\n%s", len(now), now, n, before, s.log)
	return nil
}

func (s *server) zygote() int {
	s.t.Helper()
	zygotes := children(s.cmd.Process.Pid)
	if len(zygotes) != 1 {
		s.t.Fatalf("zygotes: %v", zygotes)
	}
	return zygotes[0]
}

func kill(t *testing.T, pid int, sig syscall.Signal) {
	t.Helper()
	if err := syscall.Kill(pid, sig); err != nil {
		t.Fatal(err)
	}
}

func TestWorkerCount(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1, 3} {
		s := start(t, prefork(n))
		s.answers()
		s.workersAre(n)
	}
}

// The zygote holds no Go, and one thread; the master no Python.
func TestZygoteHoldsNoGo(t *testing.T) {
	t.Parallel()
	s := start(t, prefork(1))
	worker := s.workersAre(1)[0]
	s.answers()
	library := filepath.Join(home, "lib", "prefork.so")
	for pid, want := range map[int]bool{s.zygote(): false, worker: true} {
		maps, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", pid))
		if err != nil {
			t.Fatal(err)
		}
		equal(t, fmt.Sprintf("process %d has the library", pid), strings.Contains(string(maps), library), want)
	}
	equal(t, "threads of the zygote", statusField(t, s.zygote(), "Threads:"), 1)
	maps, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", s.cmd.Process.Pid))
	if err != nil || strings.Contains(string(maps), "python") {
		t.Errorf("the master has Python: %v", err)
	}
}

func TestKilledWorkerIsReplaced(t *testing.T) {
	t.Parallel()
	s := start(t, prefork(2))
	workers := s.workersAre(2)
	kill(t, workers[0], syscall.SIGKILL)
	s.workersAre(2, workers[0])
	s.logs("ended with -9")
	s.answers()
	s.signal(syscall.SIGTERM)
	equal(t, "exit code", s.exit(), 0)
}

// Workers that die as soon as they live are not replaced without a pause.
func TestWorkersThatDieTooFast(t *testing.T) {
	t.Parallel()
	s := start(t, prefork(1))
	for i := range 6 {
		pid := s.workersAre(1)[0]
		kill(t, pid, syscall.SIGKILL)
		s.logsWhen("the death", func(text string) bool { return strings.Count(text, "ended with") > i })
	}
	s.logs("workers die too fast: the next one in 1s")
	s.answers()
	s.workersAre(1)
}

func TestKilledZygoteIsReplaced(t *testing.T) {
	t.Parallel()
	s := start(t, prefork(2))
	workers := s.workersAre(2)
	zygote := s.zygote()
	kill(t, zygote, syscall.SIGKILL)
	s.logs("the zygote is gone: signal: killed")
	s.answers() // by an orphan, or by a worker of the next one
	s.workersAre(2, workers...)
	awaitEnd(t, workers...)
	if s.zygote() == zygote {
		t.Error("the zygote still lives")
	}
	s.answers()
	s.signal(syscall.SIGTERM)
	equal(t, "exit code", s.exit(), 0)
}

func TestNoOrphansOfAKilledMaster(t *testing.T) {
	t.Parallel()
	s := start(t, prefork(3))
	s.workersAre(3)
	s.answers()
	all := s.family()
	equal(t, "processes", len(all), 5)
	s.signal(syscall.SIGKILL)
	s.exit()
	awaitEnd(t, all...)
}

// A terminal's Ctrl-C and a service manager's stop reach every process: once each, and once
// more through the master. What is under way is finished all the same.
func TestSignalToEveryProcess(t *testing.T) {
	t.Parallel()
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		s := start(t, prefork(2))
		c := s.dial()
		c.send(request("GET", "/stream"))
		s.open("stream", 1)
		r := c.head("GET")
		for _, pid := range s.family() {
			if err := syscall.Kill(pid, sig); err != nil && !errors.Is(err, syscall.ESRCH) { // the idle worker may be gone by then
				t.Fatal(err)
			}
		}
		idle := s.workersAfter(1) // the worker that is not busy has heard it
		s.open("stream", 2)
		body, err := io.ReadAll(r.Body)
		equal(t, sig.String()+": body", string(body), "chunk 0\nchunk 1\nchunk 2\n")
		equal(t, "error", err, nil)
		equal(t, "workers that were busy", idle, 1)
		equal(t, "exit code", s.exit(), 0)
	}
}

// workersAfter waits until only n workers are left, and returns how many are.
func (s *server) workersAfter(n int) int {
	s.t.Helper()
	for end := time.Now().Add(limit); len(s.workers()) > n && time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
	}
	return len(s.workers())
}

// An application that can be changed: a copy of the one in testdata.
func changeable(t *testing.T) (dir string, change func(text string)) {
	t.Helper()
	dir = t.TempDir()
	change = func(text string) {
		if err := os.WriteFile(filepath.Join(dir, "app.py"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir, change
}

const tiny = `def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"%s"]
`

func TestReload(t *testing.T) {
	t.Parallel()
	dir, change := changeable(t)
	change(fmt.Sprintf(tiny, "old"))
	s := startWith(t, prefork(2), options{chdir: dir})
	s.get("/").is(t, 200, "old")
	workers := s.workersAre(2)

	change("raise RuntimeError('broken reload')")
	s.signal(syscall.SIGHUP)
	s.logs("the old workers stay")
	contains(t, "log", s.log.String(), "RuntimeError: broken reload")
	s.get("/").is(t, 200, "old")
	equal(t, "workers", fmt.Sprint(s.workersAre(2)), fmt.Sprint(workers))

	change(fmt.Sprintf(tiny, "new"))
	s.signal(syscall.SIGHUP)
	awaitEnd(t, workers...)
	s.get("/").is(t, 200, "new")
	s.workersAre(2, workers...)
	s.signal(syscall.SIGTERM)
	equal(t, "exit code", s.exit(), 0)
}

// Every request of every client is answered while workers come and go.
func TestReloadUnderLoad(t *testing.T) {
	t.Parallel()
	dir, change := changeable(t)
	change(fmt.Sprintf(tiny, "same"))
	s := startWith(t, prefork(2), options{chdir: dir})
	workers := s.workersAre(2)
	over := make(chan struct{})
	var clients sync.WaitGroup
	for range 4 {
		clients.Go(func() {
			for {
				select {
				case <-over:
					return
				default:
					s.get("/").is(t, 200, "same")
				}
			}
		})
	}
	for range 3 {
		s.signal(syscall.SIGHUP)
		awaitEnd(t, workers...)
		workers = s.workersAre(2, workers...)
	}
	close(over)
	clients.Wait()
}

func TestEndDuringReload(t *testing.T) {
	t.Parallel()
	dir, change := changeable(t)
	change(fmt.Sprintf(tiny, "old"))
	s := startWith(t, prefork(1), options{chdir: dir})
	s.get("/").is(t, 200, "old")
	gate := filepath.Join(s.dir, "hold")
	change(fmt.Sprintf("open(%q, 'rb', 0).read(1)\n", gate) + fmt.Sprintf(tiny, "new"))
	s.signal(syscall.SIGHUP)
	for end := time.Now().Add(limit); len(children(s.cmd.Process.Pid)) < 2 && time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
	}
	s.signal(syscall.SIGTERM)
	equal(t, "exit code", s.exit(), 0)
}
