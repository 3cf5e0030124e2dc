// Package enginetest is an engine whose cells are servers within this process, listening
// on the loopback: for tests of what stands above an engine. The conversations with them
// are real; what is missing is the container. It is imported by tests alone.
package enginetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"wsgimatrix/matrix/engine"
	"wsgimatrix/matrix/results"
)

// Server serves one cell until its context ends, and returns its exit code.
type Server func(c *Cell) int

// Engine starts a Server for each cell, by the name of the spec's server.
type Engine struct {
	Servers map[string]Server
	// Exec answers the commands that are run in a cell; nil: a Python and a server that
	// both say their version.
	Exec func(spec engine.Spec, argv []string) ([]byte, error)

	mu      sync.Mutex
	cells   []*Cell
	most    int
	running int
}

var _ engine.Engine = (*Engine)(nil)

// Info names the engine.
func (e *Engine) Info(ctx context.Context) (results.Engine, error) {
	return results.Engine{Name: "in-process", Version: "1.0", CPUs: 1, OS: "none"}, ctx.Err()
}

// Start starts a server.
func (e *Engine) Start(ctx context.Context, spec engine.Spec) (engine.Instance, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	serve, ok := e.Servers[spec.Server]
	if !ok {
		return nil, fmt.Errorf("no such image: %s", spec.Image)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	c := &Cell{Spec: spec, Listener: listener, engine: e, addr: listener.Addr().String(), ended: make(chan struct{}), Signals: make(chan string, 16)}
	c.Context, c.cancel = context.WithCancel(context.Background())
	e.count(c, 1)
	go c.run(serve)
	return c, nil
}

func (e *Engine) count(c *Cell, n int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if n > 0 {
		e.cells = append(e.cells, c)
	}
	e.running += n
	e.most = max(e.most, e.running)
}

// Left is the number of cells that were started and not removed.
func (e *Engine) Left() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.running
}

// Most is the number of cells that there were at once, at most.
func (e *Engine) Most() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.most
}

// Started is the number of cells that were ever started.
func (e *Engine) Started() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.cells)
}

// Close removes every cell.
func (e *Engine) Close(ctx context.Context) error {
	e.mu.Lock()
	cells := e.cells
	e.mu.Unlock()
	var errs []error
	for _, c := range cells {
		errs = append(errs, c.Remove(ctx))
	}
	return errors.Join(errs...)
}

// Cell is one server under way, as the engine sees it and as the server does.
type Cell struct {
	Spec     engine.Spec
	Listener net.Listener
	Context  context.Context // ends when the cell is removed
	Signals  chan string     // what the cell was sent; a server that does not look has not heard it

	engine  *Engine
	addr    string
	cancel  context.CancelFunc
	ended   chan struct{}
	removed sync.Once

	mu   sync.Mutex
	out  bytes.Buffer
	exit int
}

func (c *Cell) run(serve Server) {
	defer close(c.ended)
	defer func() { _ = c.Listener.Close() }() // most servers have
	code := serve(c)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.exit = code
}

// Write adds to the cell's log.
func (c *Cell) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.out.Write(p)
}

// Addr is host:port on the loopback.
func (c *Cell) Addr() string { return c.addr }

// State tells whether the server has returned.
func (c *Cell) State(context.Context) (engine.State, error) {
	select {
	case <-c.ended:
		c.mu.Lock()
		defer c.mu.Unlock()
		return engine.State{ExitCode: c.exit}, nil
	default:
		return engine.State{Running: true}, nil
	}
}

// Log is what was written to the cell.
func (c *Cell) Log(context.Context) ([]byte, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return bytes.Clone(c.out.Bytes()), nil
}

// Exec answers a version command.
func (c *Cell) Exec(_ context.Context, argv []string) ([]byte, error) {
	if c.engine.Exec != nil {
		return c.engine.Exec(c.Spec, argv)
	}
	return []byte("3.13.5\n" + c.Spec.Server + " 1.2.3\n"), nil
}

// Signal hands the server a signal.
func (c *Cell) Signal(_ context.Context, name string) error {
	select {
	case c.Signals <- name:
		return nil
	case <-c.ended:
		return errors.New("the server has ended")
	}
}

// Remove ends the server and waits until it has returned.
func (c *Cell) Remove(ctx context.Context) error {
	c.removed.Do(func() { c.engine.count(c, -1) })
	c.cancel()
	_ = c.Listener.Close() // again, where the server has
	select {
	case <-c.ended:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// HTTP serves a handler. The handler may end the cell, as a crash would: see Crash.
func HTTP(h http.Handler) Server {
	return func(c *Cell) int {
		crash := make(chan int, 1)
		s := &http.Server{
			ReadHeaderTimeout: time.Minute,
			Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				h.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), crashKey{}, crash)))
			}),
		}
		served := make(chan struct{})
		go func() {
			defer close(served)
			_ = s.Serve(c.Listener) // ends when it is closed
		}()
		code := 0
		select {
		case code = <-crash:
		case <-c.Context.Done():
		}
		_ = s.Close()
		<-served
		return code
	}
}

type crashKey struct{}

// Crash ends the cell of a request with an exit code, and the request without a response.
func Crash(r *http.Request, code int) {
	if crash, ok := r.Context().Value(crashKey{}).(chan int); ok {
		select {
		case crash <- code:
		default: // it is crashing already
		}
	}
	panic(http.ErrAbortHandler)
}

// Raw hands every connection to a function, and closes it when that returns.
func Raw(talk func(c *Cell, conn net.Conn)) Server {
	return func(c *Cell) int {
		var group sync.WaitGroup
		for {
			conn, err := c.Listener.Accept()
			if err != nil {
				break
			}
			group.Go(func() {
				stop := context.AfterFunc(c.Context, func() { _ = conn.Close() })
				defer stop()
				defer func() { _ = conn.Close() }() // after talk there is nothing to lose
				talk(c, conn)
			})
		}
		group.Wait()
		return 0
	}
}

// Exits prints a line and ends at once.
func Exits(code int, line string) Server {
	return func(c *Cell) int {
		_, _ = fmt.Fprintln(c, line) // writes to memory
		return code
	}
}

// Deaf takes connections, as an engine's proxy does, and closes them unheard.
func Deaf() Server { return Raw(func(*Cell, net.Conn) {}) }
