//go:build toolchain

package servers_test

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// What is left behind: nothing.

// Connections of all fates leave no descriptor open.
func TestDescriptors(t *testing.T) {
	fates := []struct {
		text  string
		reset bool
	}{
		{request("GET", "/hello"), false},
		{request("GET", "/hello"), true},
		{request("GET", "/raise_first"), false},
		{request("GET", "/raise_later"), true},
		{request("GET", "/large?blocks=300"), true},
		{request("GET", "/write_large?blocks=100"), true},
		{post("/back", strings.Repeat("x", 600<<10)), false},
		{request("POST", "/back", "Content-Length: 2000000") + strings.Repeat("x", 600<<10), true},
		{"GARBAGE\r\n\r\n", false},
		{"GET /part", true},
	}
	each(t, models, func(t *testing.T, m model) {
		s := start(t, m)
		meet := func(n int) {
			for i := range n {
				fate := fates[i%len(fates)]
				c := s.dial()
				io.WriteString(c.Conn, fate.text) //nolint:errcheck,gosec // it may be refused already
				if fate.reset {
					c.reset()
				} else {
					c.r.ReadByte() //nolint:errcheck,gosec // whatever comes
					c.Close()      //nolint:errcheck,gosec // that is the point
				}
			}
			s.answers()
		}
		meet(100) // what a process opens once, it keeps
		before := s.settled()
		meet(2000)
		if after := s.settled(); after > before {
			t.Errorf("descriptors: %d before, %d after", before, after)
		}
	})
}

// settled is how many descriptors are open when no connection is, all told.
func (s *server) settled() (n int) {
	for end := time.Now().Add(limit); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if s.sockets() == len(s.workers()) { // the listener
			break
		}
	}
	return s.descriptors()
}

// Large bodies both ways leave the memory as it was.
func TestMemoryOfLargeBodies(t *testing.T) {
	const size, rounds = 16 << 20, 20
	block := strings.Repeat("0123456789abcdef", 4096)
	want := digest(block, size/len(block))
	each(t, models, func(t *testing.T, m model) {
		s := start(t, m)
		for range 20 {
			s.answers()
		}
		before, peak := s.resident(t), 0
		for range rounds {
			c := s.dial()
			c.send(request("POST", "/echo", fmt.Sprintf("Content-Length: %d", size)))
			for range size / len(block) {
				c.send(block)
			}
			c.receive("POST").is(t, 200, want)
			c.send(request("GET", fmt.Sprintf("/large?blocks=%d", size/65536), "Connection: close"))
			n, err := io.Copy(io.Discard, c.head("GET").Body)
			equal(t, "bytes down", n, size)
			equal(t, "error", err, nil)
			c.Close() //nolint:errcheck,gosec // it has ended
			peak = max(peak, s.resident(t))
		}
		if grown := peak - before; grown > 64<<20 {
			t.Errorf("resident memory grew by %d MiB", grown>>20)
		}
	})
}

// Whatever a response is like, Python holds as many blocks of memory after it as before. A
// reference that is not given back is a block for each request, and the memory that C itself
// takes would show in the whole.
func TestBlocks(t *testing.T) {
	requests := 1000
	if n, err := strconv.Atoi(os.Getenv("WSGI_REQUESTS")); err == nil {
		requests = n
	}
	kinds := []string{
		"/hello", "/env", "/empties", "/nothing", "/write", "/late_start", "/wrapped", "/subclass", "/status?is=204+No+Content",
		"/replaced", "/replaced_late", "/lingering", "/declared?length=5", "/keep", "/use_kept", "/raise_in_close", "/context?name=a&steps=1",
		"/bad?case=crlf-value", "/bad?case=wide-status", "/bad?case=no-tuple", "/bad_body?case=none", "/bad_body?case=number", "/treacherous",
		"/never_start", "/twice", "/raise_first", "/raise_exit", "/raise_at_once", "/raise_later", "/write_then_fail", "/too_late", "/write_text",
	}
	each(t, named("eventloop", "threaded"), func(t *testing.T, m model) {
		s := start(t, m, "--bind", "unix:"+filepath.Join(t.TempDir(), "socket"))
		go drain(s.said)
		for _, kind := range kinds {
			s.repeat(kind, 300)
			before := s.blocks()
			s.repeat(kind, requests)
			if more := s.blocks() - before; more > 200 {
				t.Errorf("%s: %d blocks more after %d requests", kind, more, requests)
			}
		}
		before := s.resident(t)
		for _, kind := range kinds {
			s.repeat(kind, requests/4)
		}
		if more := s.resident(t) - before; more > 8<<20 {
			t.Errorf("%d KiB more", more>>10)
		}
	})
}

func drain(lines <-chan string) {
	for range lines { //nolint:revive // what the application says is of no interest
	}
}

// repeat asks for the same n times, on as few connections as the server allows.
func (s *server) repeat(target string, n int) {
	s.t.Helper()
	for n > 0 {
		c := s.dial()
		for open := true; open && n > 0; n-- {
			c.send(request("GET", target))
			r := c.receive("GET")
			open = !r.Close && r.err == nil
		}
		c.Close() //nolint:errcheck,gosec // all is read
	}
}

func (s *server) blocks() (n int) {
	s.t.Helper()
	if _, err := fmt.Sscan(s.get("/blocks").body, &n); err != nil {
		s.t.Fatal(err)
	}
	return n
}
