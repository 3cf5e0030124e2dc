//go:build linux

package process

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"wsgimatrix/matrix/engine"
)

// endLimit is how long a server may take to end once it is told to, before it is killed. It has no
// clients by then.
const endLimit = 2 * time.Second

// instance is one started cell.
type instance struct {
	dir   string // of its own: the socket, temporary files, python3
	addr  string
	cmd   *exec.Cmd
	log   *log
	ended chan struct{} // closed when the process is gone

	mu      sync.Mutex // two calls of Remove take turns
	removed bool
	killed  bool
}

func (i *instance) path(names ...string) string {
	return filepath.Join(append([]string{i.dir}, names...)...)
}

// start starts the process on a thread that lives as long as it does: the kernel ends the process
// with the thread that started it.
func (i *instance) start() error {
	started := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with this goroutine
		err := i.cmd.Start()
		started <- err
		if err == nil {
			_ = i.cmd.Wait() // ProcessState tells
			close(i.ended)
		}
	}()
	return <-started
}

// Addr is host:port on the loopback, or unix:PATH.
func (i *instance) Addr() string { return i.addr }

// State tells whether the server still runs.
func (i *instance) State(context.Context) (engine.State, error) {
	if i.running() {
		return engine.State{Running: true}, nil
	}
	return engine.State{ExitCode: exitCode(i.cmd.ProcessState)}, nil
}

// exitCode is a shell's: 128 and the signal's number for a process that a signal has ended.
func exitCode(s *os.ProcessState) int {
	if status, ok := s.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return 128 + int(status.Signal())
	}
	return s.ExitCode()
}

// Log is what the server has printed so far.
func (i *instance) Log(context.Context) ([]byte, error) { return i.log.bytes(), nil }

// Exec runs a command where the server runs, and returns what it printed.
func (i *instance) Exec(ctx context.Context, argv []string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Dir, cmd.Env, cmd.WaitDelay = i.cmd.Dir, i.cmd.Env, endLimit
	// exec.Command looks along the runner's own PATH.
	for _, folder := range []string{i.path("bin"), filepath.Dir(i.cmd.Path)} {
		if _, err := os.Stat(filepath.Join(folder, argv[0])); err == nil && filepath.Base(argv[0]) == argv[0] {
			cmd.Path, cmd.Err = filepath.Join(folder, argv[0]), nil
			break
		}
	}
	out, err := cmd.CombinedOutput()
	if err != nil {
		return out, fmt.Errorf("process: %s: %w: %s", strings.Join(argv, " "), err, bytes.TrimSpace(out))
	}
	return out, nil
}

// Signal sends a signal to the server's process.
func (i *instance) Signal(_ context.Context, name string) error {
	number := unix.SignalNum(name)
	if number == 0 {
		return fmt.Errorf("process: there is no signal %s", name)
	}
	if err := i.cmd.Process.Signal(number); err != nil {
		return fmt.Errorf("process: %s to %d: %w", name, i.cmd.Process.Pid, err)
	}
	return nil
}

// Remove ends the server, first as an operator would, for a sanitizer may have something to say at
// the end; then with everything that it has started.
func (i *instance) Remove(ctx context.Context) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.removed {
		return nil
	}
	_ = i.cmd.Process.Signal(syscall.SIGTERM) // it may be gone
	select {
	case <-i.ended:
	case <-time.After(endLimit):
	case <-ctx.Done():
	}
	i.killed = i.running()
	if err := syscall.Kill(-i.cmd.Process.Pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("process: end %d: %w", i.cmd.Process.Pid, err)
	}
	select {
	case <-i.ended:
	case <-ctx.Done():
		return fmt.Errorf("process: %d does not end: %w", i.cmd.Process.Pid, ctx.Err())
	}
	i.removed = true
	return os.RemoveAll(i.dir)
}

func (i *instance) running() bool {
	select {
	case <-i.ended:
		return false
	default:
		return true
	}
}

// logLimit is how much of a log is kept.
const logLimit = 16 << 20

// log keeps what a server prints.
type log struct {
	mu   sync.Mutex
	text []byte
}

// Write never fails: a server must not wait for its log, or end for want of it.
func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text = append(l.text, p[:min(len(p), logLimit-len(l.text))]...)
	return len(p), nil
}

func (l *log) bytes() []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	return bytes.Clone(l.text)
}
