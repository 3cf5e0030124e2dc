//go:build toolchain

package servers_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

func TestKeepAlive(t *testing.T) {
	each(t, models, func(t *testing.T, m model) {
		c := start(t, m).dial()
		for range 3 {
			c.send(request("GET", "/hello"))
			r := c.receive("GET")
			r.is(t, 200, "hello\n")
			equal(t, "Connection", r.Header.Get("Connection"), "")
			equal(t, "Content-Length", r.Header.Get("Content-Length"), "6")
		}
		c.send(request("GET", "/hello", "Connection: close"))
		r := c.receive("GET")
		r.is(t, 200, "hello\n")
		equal(t, "close is announced", r.Close, true)
		c.ends()
	})
}

func TestPipelining(t *testing.T) {
	each(t, models, func(t *testing.T, m model) {
		c := start(t, m).dial()
		chunked := request("POST", "/back", "Transfer-Encoding: chunked") + "3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nTrailer: t\r\n\r\n"
		text := strings.Repeat(post("/back", "first")+request("GET", "/hello")+chunked+request("HEAD", "/hello"), 20)
		c.send(text + request("GET", "/status?is=204+No+Content", "Connection: close"))
		for range 20 {
			c.receive("POST").is(t, 200, "first")
			c.receive("GET").is(t, 200, "hello\n")
			c.receive("POST").is(t, 200, "abcde")
			c.receive("HEAD").is(t, 200, "")
		}
		c.receive("GET").is(t, 204, "")
		c.ends()
	})
}

// A head and a body may arrive in any pieces.
func TestByteByByte(t *testing.T) {
	each(t, models, func(t *testing.T, m model) {
		c := start(t, m).dial()
		text := post("/back", "hello") + request("POST", "/back", "Transfer-Encoding: chunked") + "5\r\nworld\r\n0\r\n\r\n"
		for i := range len(text) {
			c.send(text[i : i+1])
		}
		c.receive("POST").is(t, 200, "hello")
		c.receive("POST").is(t, 200, "world")
	})
}

func TestHTTP10(t *testing.T) {
	each(t, models, func(t *testing.T, m model) {
		s := start(t, m)
		c := s.dial()
		c.send("GET /hello HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
		r := c.receive("GET")
		r.is(t, 200, "hello\n")
		equal(t, "Connection", r.Header.Get("Connection"), "keep-alive")
		c.send("GET /empties HTTP/1.0\r\nConnection: keep-alive\r\n\r\n") // without a length: until the end
		text := c.rest()
		contains(t, "response", text, "\r\n\r\nab")
		contains(t, "response", text, "Connection: close\r\n")
		if strings.Contains(text, "Transfer-Encoding") {
			t.Errorf("a 1.0 client was sent %q", text)
		}
		c = s.dial()
		c.send("GET /hello HTTP/1.0\r\n\r\nGET /hello HTTP/1.0\r\n\r\n")
		equal(t, "responses", strings.Count(c.rest(), "hello\n"), 1)
		contains(t, "environ", s.ask("GET", "GET /env HTTP/1.0\r\n\r\n").body, "SERVER_PROTOCOL='HTTP/1.0'\n")
	})
}

// Bodies that a response may not have, declared or not, leave the connection in step (C86, C87).
func TestResponsesWithoutBody(t *testing.T) {
	table := []struct {
		method, target string
		status         int
		length, coding string
	}{
		{"HEAD", "/hello", 200, "6", ""},
		{"HEAD", "/empties", 200, "", ""},
		{"HEAD", "/write", 200, "", ""},
		{"HEAD", "/declared?length=10", 200, "10", ""},
		{"HEAD", "/nothing", 200, "", ""},
		{"HEAD", "/large?blocks=100", 200, "", ""},
		{"GET", "/status?is=204+No+Content", 204, "", ""},
		{"GET", "/status?is=304+Not+Modified", 304, "", ""},
		{"GET", "/nothing", 200, "0", ""},
	}
	each(t, models, func(t *testing.T, m model) {
		c := start(t, m).dial()
		for _, row := range table {
			c.send(request(row.method, row.target))
			r := c.receive(row.method)
			r.is(t, row.status, "")
			equal(t, row.target+" Content-Length", r.Header.Get("Content-Length"), row.length)
			equal(t, row.target+" Transfer-Encoding", strings.Join(r.TransferEncoding, ","), row.coding)
			c.send(request("GET", "/hello"))
			c.receive("GET").is(t, 200, "hello\n")
		}
	})
}

// digest is what /echo answers to n bytes of this block.
func digest(block string, times int) string {
	h := sha256.New()
	for range times {
		io.WriteString(h, block) //nolint:errcheck,gosec // a hash takes all
	}
	return fmt.Sprintf("%d %x", len(block)*times, h.Sum(nil))
}

// From nothing to more than stays in memory.
func TestUploads(t *testing.T) {
	block := strings.Repeat("0123456789abcdef", 4096) // 64 KiB
	each(t, models, func(t *testing.T, m model) {
		c := start(t, m).dial()
		for _, blocks := range []int{0, 1, 7, 8, 9, 64} {
			c.send(request("POST", "/echo", fmt.Sprintf("Content-Length: %d", blocks*len(block))))
			for range blocks {
				c.send(block)
			}
			c.receive("POST").is(t, 200, digest(block, blocks))
			c.send(request("POST", "/echo", "Transfer-Encoding: chunked"))
			for range blocks {
				c.send(fmt.Sprintf("%x\r\n%s\r\n", len(block), block))
			}
			c.send("0\r\n\r\n" + request("GET", "/hello"))
			c.receive("POST").is(t, 200, digest(block, blocks))
			c.receive("GET").is(t, 200, "hello\n")
		}
	})
}

func TestBodyTooLarge(t *testing.T) {
	each(t, models, func(t *testing.T, m model) {
		s := start(t, m, "--max-body", "10")
		s.ask("POST", post("/back", "0123456789")).is(t, 200, "0123456789")
		s.ask("POST", post("/back", "0123456789a")).is(t, 413, "413 Content Too Large\n")
		chunked := request("POST", "/back", "Transfer-Encoding: chunked") + "6\r\n012345\r\n6\r\n012345\r\n"
		s.ask("POST", chunked).is(t, 413, "413 Content Too Large\n")
		// The client may send on while the response is on its way: it is not reset.
		c := s.dial()
		c.send(request("POST", "/back", "Content-Length: 500000"))
		c.send(strings.Repeat("x", 500000))
		c.receive("POST").is(t, 413, "413 Content Too Large\n")
	})
}

func TestExpectContinue(t *testing.T) {
	each(t, models, func(t *testing.T, m model) {
		s := start(t, m)
		for _, row := range []struct{ framing, body string }{
			{"Content-Length: 4", "body"},
			{"Transfer-Encoding: chunked", "4\r\nbody\r\n0\r\n\r\n"},
		} {
			c := s.dial()
			c.send(request("POST", "/back", row.framing, "Expect: 100-continue"))
			equal(t, "interim response", c.head("POST").StatusCode, 100)
			c.send(row.body)
			c.receive("POST").is(t, 200, "body")
			// The body comes with the head: nothing is waited for.
			c.send(request("POST", "/back", row.framing, "Expect: 100-continue") + row.body)
			c.receive("POST").is(t, 200, "body")
			c.send(request("POST", "/hello", "Content-Length: 0", "Expect: 100-continue", "Connection: close"))
			c.receive("POST").is(t, 200, "hello\n")
			c.ends()
		}
		old := s.dial()
		old.send("POST /back HTTP/1.0\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n")
		old.send("body")
		old.receive("POST").is(t, 200, "body")
	})
}

func TestRefusedRequests(t *testing.T) {
	table := []struct {
		name, text string
		status     int
	}{
		{"no version", "GET /\r\n\r\n", 400},
		{"TLS", "\x16\x03\x01\x02\x00", 400},
		{"no Host", "GET / HTTP/1.1\r\n\r\n", 400},
		{"HTTP/2", "GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505},
		{"long target", "GET /" + strings.Repeat("x", 20000) + " HTTP/1.1\r\nHost: a\r\n\r\n", 414},
		{"long field", request("GET", "/", "X: "+strings.Repeat("x", 20000)), 431},
		{"both lengths", request("POST", "/", "Content-Length: 1", "Transfer-Encoding: chunked"), 400},
		{"bad length", request("POST", "/", "Content-Length: +1"), 400},
		{"gzip", request("POST", "/", "Transfer-Encoding: gzip, chunked"), 501},
		{"bad chunk", request("POST", "/", "Transfer-Encoding: chunked") + "0x3\r\nabc\r\n", 400},
		{"bad chunk's end", request("POST", "/", "Transfer-Encoding: chunked") + "3\r\nabcd\r\n", 400},
		{"two types", request("GET", "/", "Content-Type: a/b", "Content-Type: c/d"), 400},
	}
	each(t, models, func(t *testing.T, m model) {
		s := start(t, m)
		for _, row := range table {
			c := s.dial()
			c.send(row.text)
			r := c.receive("GET")
			r.is(t, row.status, r.Status+"\n")
			equal(t, row.name+": close is announced", r.Close, true)
			c.ends()
			c.Close() //nolint:errcheck,gosec // it has ended
		}
		s.answers()
	})
}

// What comes behind a refused request is not taken for another one.
func TestNoRequestAfterRefused(t *testing.T) {
	each(t, models, func(t *testing.T, m model) {
		c := start(t, m).dial()
		c.send("GET / HTTP/1.1\r\n\r\n" + request("GET", "/hello"))
		equal(t, "responses", strings.Count(c.rest(), "HTTP/1.1 "), 1)
	})
}

// A body that the application does not read is not the next request (C82).
func TestUnreadBody(t *testing.T) {
	each(t, models, func(t *testing.T, m model) {
		c := start(t, m).dial()
		smuggled := request("GET", "/env")
		c.send(post("/unread", smuggled))
		c.receive("POST").is(t, 200, "not read\n")
		c.send(request("POST", "/unread", "Transfer-Encoding: chunked") + fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(smuggled), smuggled))
		c.receive("POST").is(t, 200, "not read\n")
		c.send(request("GET", "/hello"))
		c.receive("GET").is(t, 200, "hello\n")
	})
}

func TestHalfClose(t *testing.T) {
	each(t, models, func(t *testing.T, m model) {
		s := start(t, m)
		c := s.dial()
		c.send(request("GET", "/large?blocks=50") + request("GET", "/hello"))
		if err := c.Conn.(*net.TCPConn).CloseWrite(); err != nil {
			t.Fatal(err)
		}
		r := c.receive("GET")
		equal(t, "bytes", len(r.body), 50*65536)
		c.receive("GET").is(t, 200, "hello\n")
		c.ends()
		s.says("close")
	})
}

// A client that ends in the middle of a body is no request.
func TestTruncatedBody(t *testing.T) {
	each(t, models, func(t *testing.T, m model) {
		s := start(t, m)
		for _, text := range []string{request("POST", "/hello", "Content-Length: 10") + "12345", request("POST", "/hello", "Transfer-Encoding: chunked") + "5\r\n123"} {
			c := s.dial()
			c.send(text)
			if err := c.Conn.(*net.TCPConn).CloseWrite(); err != nil {
				t.Fatal(err)
			}
			equal(t, "response", c.rest(), "")
		}
		s.answers()
	})
}

func TestDateAndServer(t *testing.T) {
	each(t, models, func(t *testing.T, m model) {
		r := start(t, m).get("/hello")
		equal(t, "Dates", len(r.Header.Values("Date")), 1)
		if _, err := http.ParseTime(r.Header.Get("Date")); err != nil {
			t.Error(err)
		}
		equal(t, "Server", r.Header.Get("Server"), m.name+"/0.1.0")
	})
}

// isCut tells whether the framing said that a body is not complete.
func (r *response) isCut() bool { return errors.Is(r.err, io.ErrUnexpectedEOF) }
