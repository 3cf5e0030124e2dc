//go:build toolchain

package servers_test

import (
	"io"
	"os"
	"syscall"
	"testing"
	"time"
)

// How a server ends: after the requests in flight, and not later.

func TestEndOfIdleServer(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		t.Run(sig.String(), func(t *testing.T) {
			each(t, models, func(t *testing.T, m model) {
				s := start(t, m)
				s.answers()
				s.signal(sig)
				equal(t, "exit code", s.exit(), 0)
				equal(t, "log", s.log.String(), "")
			})
		})
	}
}

func TestEndWhileStarting(t *testing.T) {
	each(t, models, func(t *testing.T, m model) {
		s := start(t, m)
		s.signal(syscall.SIGTERM)
		s.exit() // by the signal or by itself: python3 may not have begun
	})
}

// A stream goes on to its end; the client is then told that the connection ends.
func TestEndDuringStream(t *testing.T) {
	each(t, models, func(t *testing.T, m model) {
		s := start(t, m)
		c := s.dial()
		c.send(request("GET", "/stream"))
		s.open("stream", 1)
		r := c.head("GET")
		s.signal(syscall.SIGTERM)
		s.open("stream", 2)
		body, err := io.ReadAll(r.Body)
		equal(t, "body", string(body), "chunk 0\nchunk 1\nchunk 2\n")
		equal(t, "error", err, nil)
		c.ends()
		equal(t, "exit code", s.exit(), 0)
		s.says("close")
	})
}

func TestEndDuringUpload(t *testing.T) {
	one := model{name: "prefork", args: []string{"--workers", "1"}, concurrent: true}
	each(t, append(named("iterative", "threaded", "eventloop"), one), func(t *testing.T, m model) {
		s := start(t, m)
		var idle *client
		if m.concurrent {
			idle = s.dial()
			idle.send(request("GET", "/hello"))
			idle.receive("GET").is(t, 200, "hello\n")
		}
		c := s.dial()
		c.send(request("POST", "/back", "Content-Length: 10", "Expect: 100-continue"))
		equal(t, "interim", c.head("POST").StatusCode, 100)
		s.signal(syscall.SIGTERM)
		if m.concurrent {
			idle.ends() // so it is ending
		}
		c.send("0123456789")
		r := c.receive("POST")
		r.is(t, 200, "0123456789")
		if m.concurrent {
			equal(t, "close is announced", r.Close, true)
		}
		c.ends()
		equal(t, "exit code", s.exit(), 0)
	})
}

func TestEndWithIdleConnections(t *testing.T) {
	each(t, concurrent(), func(t *testing.T, m model) {
		s := start(t, m)
		var clients []*client
		for range 20 {
			c := s.dial()
			c.send(request("GET", "/hello"))
			c.receive("GET").is(t, 200, "hello\n")
			clients = append(clients, c)
		}
		silent := s.dial() // it may have sent something: it is waited for, a little
		before := time.Now()
		s.signal(syscall.SIGTERM)
		for _, c := range clients {
			c.ends()
		}
		silent.ends()
		equal(t, "exit code", s.exit(), 0)
		if took := time.Since(before); took > 10*time.Second {
			t.Errorf("it took %s", took)
		}
	})
}

// Who connected before the signal and has not sent a request yet still gets an answer.
func TestEndWithFreshConnection(t *testing.T) {
	each(t, models, func(t *testing.T, m model) {
		s := start(t, m)
		s.answers()
		c := s.dial()
		s.signal(syscall.SIGTERM)
		c.send(request("GET", "/hello"))
		r := c.receive("GET")
		r.is(t, 200, "hello\n")
		c.ends()
		equal(t, "exit code", s.exit(), 0)
	})
}

func TestSecondSignalEndsAtOnce(t *testing.T) {
	each(t, models, func(t *testing.T, m model) {
		s := start(t, m, "--graceful-timeout", "60s")
		c := s.dial()
		c.send(request("GET", "/hold"))
		s.says("inside")
		s.signal(syscall.SIGTERM)
		time.Sleep(50 * time.Millisecond) // two signals at once may arrive as one
		s.signal(syscall.SIGTERM)
		before := time.Now()
		if code := s.exit(); code == 0 {
			t.Error("exit code 0, though a request was cut")
		}
		if took := time.Since(before); took > 10*time.Second {
			t.Errorf("it took %s", took)
		}
	})
}

// An application that hangs does not keep the server alive.
func TestGracefulTimeout(t *testing.T) {
	each(t, models, func(t *testing.T, m model) {
		s := start(t, m, "--graceful-timeout", "300ms")
		for range m.requests {
			s.dial().send(request("GET", "/hold"))
			s.says("inside")
		}
		all := s.family()
		s.signal(syscall.SIGTERM)
		if code := s.exit(); code == 0 {
			t.Error("exit code 0, though requests were cut")
		}
		awaitEnd(t, all...)
	})
}

// A client that does not read does not keep the server alive either.
func TestGracefulTimeoutOfSlowReader(t *testing.T) {
	each(t, models, func(t *testing.T, m model) {
		s := start(t, m, "--graceful-timeout", "300ms")
		c := s.dial()
		c.send(request("GET", "/large?blocks=1000"))
		c.head("GET")
		s.signal(syscall.SIGTERM)
		if code := s.exit(); code == 0 && m.name != "iterative" {
			t.Error("exit code 0, though a response was cut")
		}
	})
}

// What the application registered with atexit, and its threads, see the end.
func TestAtExit(t *testing.T) {
	each(t, models, func(t *testing.T, m model) {
		s := start(t, m)
		s.get("/at_exit").is(t, 200, "registered")
		s.signal(syscall.SIGTERM)
		equal(t, "exit code", s.exit(), 0)
		s.says("at exit")
	})
}

// A log that nobody reads any more ends nothing.
func TestBrokenLog(t *testing.T) {
	each(t, models, func(t *testing.T, m model) {
		s := startWith(t, m, options{output: brokenPipe(t)}, "--trace")
		for range 3 {
			equal(t, "status", s.get("/raise_first").StatusCode, 500)
			s.get("/declared?length=12")
			s.answers()
		}
		s.signal(syscall.SIGTERM)
		equal(t, "exit code", s.exit(), 0)
	})
}

func brokenPipe(t *testing.T) *os.File {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() }) //nolint:errcheck,gosec // the test is over
	r.Close()                       //nolint:errcheck,gosec // that is the point
	return w
}
