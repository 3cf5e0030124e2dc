//go:build toolchain

package servers_test

import (
	"io"
	"strings"
	"testing"
	"time"
)

// Clients that are slow, silent or gone, and the others beside them.

const crowd = 200 // of each kind

// crowdOf opens many connections that send this and then do nothing.
func (s *server) crowdOf(n int, text string) (clients []*client) {
	s.t.Helper()
	for range n {
		c := s.dial()
		c.send(text)
		clients = append(clients, c)
	}
	return clients
}

func TestSlowClientsStopNobody(t *testing.T) {
	silent := map[string]string{
		"silent":            "",
		"part of a head":    "GET /hello HTTP/1.1\r\nHo",
		"part of a body":    request("POST", "/back", "Content-Length: 100") + "abc",
		"part of chunks":    request("POST", "/back", "Transfer-Encoding: chunked") + "5\r\nab",
		"awaits a 100":      request("POST", "/back", "Content-Length: 100", "Expect: 100-continue"),
		"no stream read":    request("GET", "/large?blocks=1000"),
		"no write() read":   request("GET", "/write_large?blocks=200"),
		"no big chunk read": request("GET", "/big?size=10000000"),
	}
	for name, text := range silent {
		t.Run(name, func(t *testing.T) {
			each(t, concurrent(), func(t *testing.T, m model) {
				s := start(t, m)
				n := crowd
				if strings.HasPrefix(name, "no write") || strings.HasPrefix(name, "no big") {
					n = 20 // each takes 10 MB of disk or memory
				}
				s.crowdOf(n, text)
				for range 20 {
					s.answers()
				}
				s.ask("POST", post("/back", "quick", "Connection: close")).is(t, 200, "quick")
			})
		})
	}
}

// When the slow ones go on, they get all that they are owed.
func TestSlowReadersGetEverything(t *testing.T) {
	each(t, models, func(t *testing.T, m model) {
		s := start(t, m)
		n := 12
		if !m.concurrent {
			n = 1
		}
		for _, target := range []string{"/large?blocks=200", "/write_large?blocks=200"} {
			clients := s.crowdOf(n, request("GET", target, "Connection: close"))
			for _, c := range clients {
				r := c.receive("GET")
				equal(t, target, len(r.body), 200*65536)
				equal(t, target, r.err, nil)
			}
		}
		s.answers()
	})
}

// What a slow reader has not read yet of what write() was given does not stay in memory.
func TestWriteToSlowReaderStaysSmall(t *testing.T) {
	each(t, concurrent(), func(t *testing.T, m model) {
		s := start(t, m)
		s.answers()
		before := s.resident(t)
		c := s.dial()
		c.send(request("GET", "/write_large?blocks=3200")) // 200 MiB
		s.says("close")                                    // the application has written it all
		if grown := s.resident(t) - before; grown > 64<<20 {
			t.Errorf("grown by %d MiB", grown>>20)
		}
		s.answers()
		r := c.receive("GET")
		equal(t, "bytes", len(r.body), 3200*65536)
		equal(t, "error", r.err, nil)
	})
}

// A client that resets in mid-stream costs its own response alone.
func TestClientGone(t *testing.T) {
	each(t, models, func(t *testing.T, m model) {
		s := start(t, m)
		for _, target := range []string{"/large?blocks=100000", "/write_large?blocks=1000"} {
			c := s.dial()
			c.send(request("GET", target))
			if _, err := io.CopyN(io.Discard, c.head("GET").Body, 1<<20); err != nil {
				t.Fatal(err)
			}
			c.reset()
			if target != "/write_large?blocks=1000" {
				s.says("close")
			}
			s.answers()
		}
	})
}

func TestDeadlines(t *testing.T) {
	each(t, concurrent(), func(t *testing.T, m model) {
		s := start(t, m, "--timeout", "1s", "--keep-alive", "1s")
		before := time.Now()
		head, body, silent, idle := s.dial(), s.dial(), s.dial(), s.dial()
		head.send("GET /hello HTTP/1.1\r\nHost: te")
		body.send(request("POST", "/back", "Content-Length: 10") + "12345")
		idle.send(request("GET", "/hello"))
		idle.receive("GET").is(t, 200, "hello\n")
		reader := s.dial()
		reader.send(request("GET", "/large?blocks=1000"))
		s.says("close") // it is given up
		head.receive("GET").is(t, 408, "408 Request Timeout\n")
		body.receive("POST").is(t, 408, "408 Request Timeout\n")
		head.ends()
		body.ends()
		silent.ends()
		idle.ends()
		if r := reader.receive("GET"); r.err == nil {
			t.Error("the slow reader got everything")
		}
		if took := time.Since(before); took > 15*time.Second {
			t.Errorf("it took %s", took)
		}
	})
}

// The time that the application takes is not the client's (its response does not fit the
// socket, so the client is waited for).
func TestSlowApplicationDoesNotSpendTheClientsTime(t *testing.T) {
	each(t, models, func(t *testing.T, m model) {
		s := start(t, m, "--timeout", "2s", "--keep-alive", "2s")
		c := s.dial()
		c.send(request("GET", "/big_later?size=20000000"))
		s.says("inside")
		time.Sleep(2500 * time.Millisecond) // longer than a client may take
		s.open("hold", 1)
		r := c.head("GET")
		time.Sleep(500 * time.Millisecond) // not as long
		body, err := io.ReadAll(r.Body)
		equal(t, "bytes", len(body), 20000000)
		equal(t, "error", err, nil)
	})
}

// Without a free descriptor new clients wait until there is one.
func TestTooManyClients(t *testing.T) {
	each(t, append(named("threaded", "eventloop"), prefork(1)), func(t *testing.T, m model) {
		s := startWith(t, m, options{files: 40})
		clients := s.crowdOf(60, request("GET", "/hello"))
		s.logs("too many open files")
		for _, c := range clients[:20] {
			c.receive("GET").is(t, 200, "hello\n")
			c.Close() //nolint:errcheck,gosec // that makes room
		}
		for _, c := range clients[20:] {
			c.receive("GET").is(t, 200, "hello\n")
			c.Close() //nolint:errcheck,gosec // and that
		}
		s.answers()
	})
}

// A client that trickles its head is not given more time for each byte.
func TestTrickledHead(t *testing.T) {
	each(t, concurrent(), func(t *testing.T, m model) {
		s := start(t, m, "--timeout", "300ms")
		c := s.dial()
		refused := make(chan string)
		go func() {
			text, _ := io.ReadAll(c.r) //nolint:errcheck // a reset is as good
			refused <- string(text)
		}()
		text := "GET / HTTP/1.1\r\nX: x"
		for i := 0; ; i++ {
			io.WriteString(c.Conn, text[min(i, len(text)-1):][:1]) //nolint:errcheck,gosec // it ends
			select {
			case got := <-refused:
				contains(t, "response", got, "HTTP/1.1 408 Request Timeout\r\n")
				return
			case <-time.After(20 * time.Millisecond):
			}
			if i > 1000 {
				t.Fatal("it goes on for ever")
			}
		}
	})
}
