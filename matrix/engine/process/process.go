//go:build linux

// Package process runs cells as plain processes on this machine, without containers: for whoever
// changes one of our servers, and to hold them under sanitizers and on other Pythons. It runs our
// servers alone, for those of others are made of their images, and apps that need no package.
//
// It owns how our servers are built for that (see Build), and the life of the processes. The same
// cases are held with them as in containers.
package process

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"

	"wsgimatrix/matrix/engine"
	"wsgimatrix/matrix/golden"
	"wsgimatrix/matrix/plan"
	"wsgimatrix/matrix/results"
)

// Sockets that a server can be reached by.
const (
	TCP  = "tcp"
	Unix = "unix"
)

// Options say how cells are run.
type Options struct {
	Root   string // the checkout
	Build  Build
	Socket string // TCP or Unix
	Python string // the interpreter: its name, or its path

	tags string // Go's build tags, for tests
}

// Runs tells of a cell's case whether the engine can run it.
func (o Options) Runs() func(*plan.Server, *plan.App, *golden.Case) bool {
	return func(s *plan.Server, a *plan.App, c *golden.Case) bool {
		return s.Ours && len(a.Packages) == 0 && (o.Build != Race || s.Name != Forking) && (o.Socket != Unix || c.Socket != golden.SocketTCP)
	}
}

// Engine starts cells as processes.
type Engine struct {
	opts   Options
	python string // its absolute path
	home   string // what was built: bin, lib, and an interpreter for each server where the build has its own

	mu       sync.Mutex
	cells    []*instance
	lastPort int
	closed   bool
}

var _ engine.Engine = (*Engine)(nil)

// New looks for what the engine needs.
func New(opts Options) (*Engine, error) {
	python, err := exec.LookPath(opts.Python)
	if err != nil {
		return nil, fmt.Errorf("process: --python: %w", err)
	}
	if python, err = filepath.Abs(python); err != nil {
		return nil, fmt.Errorf("process: --python: %w", err)
	}
	home, err := homeOf(opts)
	if err != nil {
		return nil, fmt.Errorf("process: %w", err)
	}
	return &Engine{opts: opts, python: python, home: home}, nil
}

// homeOf is a folder of the user's cache for what is built of a checkout: what is there already need
// not be linked again.
func homeOf(opts Options) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	root, err := filepath.Abs(opts.Root)
	name := sha256.Sum256([]byte(root))
	return filepath.Join(cache, "wsgi-matrix", fmt.Sprintf("%x", name[:6]), strings.TrimSuffix(string(opts.Build)+"-"+opts.tags, "-")), err
}

// Info names the engine, and with it what was built and the interpreter.
func (e *Engine) Info(ctx context.Context) (results.Engine, error) {
	name := fmt.Sprintf("processes (build %s, %s socket, %s)", e.opts.Build, e.opts.Socket, e.opts.Python)
	return results.Engine{Name: name, Version: runtime.Version(), CPUs: runtime.NumCPU(), OS: runtime.GOOS}, ctx.Err()
}

// Start starts a cell and returns at once, whether or not its server listens yet. The spec's
// Image is the server's command, its AppImage the app's folder.
func (e *Engine) Start(ctx context.Context, spec engine.Spec) (engine.Instance, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	cell, err := e.prepare(spec)
	if err == nil {
		err = e.begin(cell)
	}
	if err != nil {
		return nil, fmt.Errorf("process: start %s with %s: %w", spec.Server, spec.App, err)
	}
	return cell, nil
}

// begin starts the process, unless the engine has been closed meanwhile.
func (e *Engine) begin(cell *instance) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return errors.Join(errors.New("the run is over"), os.RemoveAll(cell.dir))
	}
	if err := cell.start(); err != nil {
		return errors.Join(err, os.RemoveAll(cell.dir))
	}
	e.cells = append(e.cells, cell)
	return nil
}

// prepare makes a cell's folder, command line and environment.
func (e *Engine) prepare(spec engine.Spec) (*instance, error) {
	dir, err := os.MkdirTemp("", "wsgi-matrix-cell-")
	if err != nil {
		return nil, err
	}
	cell := &instance{dir: dir, ended: make(chan struct{}), log: &log{}}
	err = errors.Join(os.Mkdir(cell.path("tmp"), 0o700), os.Mkdir(cell.path("bin"), 0o700))
	if err == nil {
		err = os.Symlink(e.interpreter(spec.Server), cell.path("bin", "python3"))
	}
	var argv []string
	if err == nil {
		argv, err = e.argv(spec, cell)
	}
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	cell.cmd = exec.Command(argv[0], argv[1:]...)
	cell.cmd.Dir = spec.AppImage
	cell.cmd.Env = e.environment(spec, cell)
	cell.cmd.Stdout, cell.cmd.Stderr = cell.log, cell.log
	// A group of its own, which is ended as a whole; and nothing outlives a runner that is killed.
	cell.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	cell.cmd.WaitDelay = endLimit // for a child that keeps the log open
	return cell, nil
}

// interpreter is the python3 of a server: a sanitizer may need one that is built with it.
func (e *Engine) interpreter(server string) string {
	if e.opts.Build == Race {
		return filepath.Join(e.home, "python", server)
	}
	return e.python
}

func (e *Engine) environment(spec engine.Spec, cell *instance) []string {
	env := []string{
		"PATH=" + strings.Join([]string{cell.path("bin"), filepath.Join(e.home, "bin"), os.Getenv("PATH")}, ":"),
		"HOME=" + cell.path("tmp"), "TMPDIR=" + cell.path("tmp"), "LANG=C.UTF-8",
		"PYTHONPATH=" + spec.AppImage, "PYTHONDONTWRITEBYTECODE=1", "PYTHONUNBUFFERED=1",
	}
	for key, value := range spec.Env {
		env = append(env, key+"="+value)
	}
	return append(env, e.opts.Build.environment()...)
}

// Close ends every cell that still runs.
func (e *Engine) Close(ctx context.Context) error {
	e.mu.Lock()
	e.closed = true
	cells := e.cells
	e.mu.Unlock()
	var errs []error
	for _, c := range cells {
		errs = append(errs, c.Remove(ctx))
	}
	return errors.Join(errs...)
}
