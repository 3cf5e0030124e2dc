// Command iterative serves a WSGI application one connection at a time: the smallest server
// that works. A client that is slow keeps everybody else waiting.
package main

import (
	"log"
	"sync/atomic"
	"time"

	"wsgimatrix/servers/internal/conn"
	"wsgimatrix/servers/internal/cpython"
	"wsgimatrix/servers/internal/loop"
	"wsgimatrix/servers/internal/serve"
)

func main() {
	serve.Main(serve.Model{
		Name:    "iterative",
		Summary: "Serves a WSGI application, one connection at a time.",
		Start:   serve.Exec,
	})
}

func init() { cpython.Register(cpython.Hooks{Serve: run, Write: conn.WriteCallable}) }

func run(text []byte) int {
	s, err := newServer(text)
	if err != nil {
		log.Print(err)
		return serve.ExitError
	}
	for s.next() {
	}
	return serve.ExitOK
}

func newServer(text []byte) (*server, error) {
	cfg, err := serve.Inside(text)
	if err != nil {
		return nil, err
	}
	s := &server{cfg: cfg.Conn(), grace: cfg.Grace.Duration()}
	s.worker = conn.NewWorker(s.cfg)
	if s.listener, err = cfg.Listener(); err != nil {
		return nil, err
	}
	if s.wake, err = loop.NewWaker(); err != nil {
		return nil, err
	}
	serve.OnStop(cfg, s.stop)
	return s, nil
}

type server struct {
	listener *loop.Listener
	cfg      *conn.Config
	worker   *conn.Worker
	wake     *loop.Waker
	stopping atomic.Bool
	grace    time.Duration
	until    time.Time // by when the ending must be over
}

func (s *server) stop() {
	s.stopping.Store(true)
	s.wake.Wake()
}

// next serves one connection from its first byte to its last.
func (s *server) next() bool {
	c, ok, err := s.listener.Accept(s.cfg)
	switch {
	case err != nil:
		log.Printf("accept: %v", err)
		s.wait(-1, 0, time.Now().Add(time.Second))
	case ok:
		s.serve(c)
	case s.stopping.Load():
		return false
	default:
		s.wait(s.listener.FD, loop.PollIn, time.Time{})
	}
	return true
}

func (s *server) serve(c *conn.Conn) {
	for want := c.Step(s.worker); want != conn.Closed; want = c.Step(s.worker) {
		if !s.await(c, want) {
			c.Expire(s.worker)
			c.Close(s.worker)
			return
		}
	}
}

// await waits for what the connection wants; false: it waited too long, or is not needed.
func (s *server) await(c *conn.Conn, want conn.Want) bool {
	if s.stopping.Load() && !s.worker.Draining {
		s.worker.Draining = true
		s.until = time.Now().Add(s.grace)
		return true // one more step: it ends an idle connection
	}
	deadline := c.Deadline()
	if s.worker.Draining && s.until.Before(deadline) {
		deadline = s.until
	}
	switch want {
	case conn.Turn:
		return true
	case conn.Write:
		return s.wait(c.FD, loop.PollOut, deadline)
	default:
		return s.waitRead(c, deadline)
	}
}

// waitRead waits for the client's next bytes. Between two requests another client that waits
// to be accepted comes first: this connection ends.
func (s *server) waitRead(c *conn.Conn, deadline time.Time) bool {
	fds := []loop.PollFD{{FD: int32(c.FD), Events: loop.PollIn}, {FD: -1, Events: loop.PollIn}}
	if c.BetweenRequests() {
		fds[1].FD = int32(s.listener.FD)
	}
	return s.poll(fds, deadline) && (fds[1].Revents == 0 || fds[0].Revents != 0)
}

func (s *server) wait(fd int, events int16, deadline time.Time) bool {
	return s.poll([]loop.PollFD{{FD: int32(fd), Events: events}}, deadline)
}

// poll waits for these or, once, for the word to stop.
func (s *server) poll(fds []loop.PollFD, deadline time.Time) bool {
	if !s.stopping.Load() {
		fds = append(fds, loop.PollFD{FD: int32(s.wake.FD), Events: loop.PollIn})
	}
	cpython.Release()
	defer cpython.Acquire()
	return loop.Poll(fds, deadline)
}
