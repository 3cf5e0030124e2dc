//go:build toolchain

package servers_test

import (
	"fmt"
	"io"
	"strings"
	"testing"
)

// Each chunk is on the wire before the next is asked for (C51): the application waits at a
// gate before each, and the test opens it when the chunk before has arrived.
func TestEachChunkBeforeTheNext(t *testing.T) {
	for _, target := range []string{"/stream", "/write_gates"} {
		t.Run(target[1:], func(t *testing.T) {
			each(t, models, func(t *testing.T, m model) {
				s := start(t, m)
				c := s.dial()
				c.send(request("GET", target))
				s.open("stream", 1)
				r := c.head("GET")
				for i := range 3 {
					want := fmt.Sprintf("chunk %d\n", i)
					got := make([]byte, len(want))
					if _, err := io.ReadFull(r.Body, got); err != nil {
						t.Fatal(err)
					}
					equal(t, "chunk", string(got), want)
					if i < 2 {
						s.open("stream", 1)
					}
				}
				rest, err := io.ReadAll(r.Body)
				equal(t, "rest", string(rest), "")
				equal(t, "error", err, nil)
				s.says("close")
			})
		})
	}
}

func TestFramingOfStreams(t *testing.T) {
	each(t, models, func(t *testing.T, m model) {
		s := start(t, m)
		c := s.dial()
		c.send(request("GET", "/empties"))
		r := c.receive("GET")
		r.is(t, 200, "ab")
		equal(t, "Transfer-Encoding", strings.Join(r.TransferEncoding, ","), "chunked")
		equal(t, "Content-Length", r.Header.Get("Content-Length"), "")
		s.says("close")
		c.send(request("GET", "/write"))
		c.receive("GET").is(t, 200, "one,two,three")
		s.says("close")
		c.send(request("GET", "/late_start"))
		c.receive("GET").is(t, 200, "late\n")
		c.send(request("GET", "/subclass"))
		c.receive("GET").is(t, 200, "of a subclass")
		c.send(request("GET", "/big?size=3000000")) // one chunk: its length is known (C59)
		r = c.receive("GET")
		equal(t, "bytes", len(r.body), 3000000)
		equal(t, "Content-Length", r.Header.Get("Content-Length"), "3000000")
		s.silent()
	})
}

// Every byte arrives, though the socket does not take all at once.
func TestLargeResponses(t *testing.T) {
	each(t, models, func(t *testing.T, m model) {
		s := start(t, m)
		const size = 300 * 65536
		for _, target := range []string{"/large?blocks=300", "/write_large?blocks=300", fmt.Sprintf("/big?size=%d", size)} {
			c := s.dial()
			c.send(request("GET", target))
			r := c.receive("GET")
			equal(t, target, len(r.body), size)
			equal(t, target, strings.Count(r.body, r.body[:1]), size)
			equal(t, target, r.err, nil)
			c.send(request("GET", "/hello"))
			c.receive("GET").is(t, 200, "hello\n")
			c.Close() //nolint:errcheck,gosec // all is read
		}
	})
}

func TestContentLengthAndBodyDiffer(t *testing.T) {
	each(t, models, func(t *testing.T, m model) {
		s := start(t, m)
		c := s.dial()
		for length, want := range map[string]string{"10": "1234567890", "7": "1234567", "5": "12345", "0": ""} {
			c.send(request("GET", "/declared?length="+length))
			c.receive("GET").is(t, 200, want)
			s.says("close")
		}
		c.send(request("GET", "/write_long"))
		c.receive("GET").is(t, 200, "123")
		s.says("close")
		s.logs("longer than its Content-Length")
		c.send(request("GET", "/declared?length=12") + request("GET", "/hello"))
		r := c.receive("GET")
		equal(t, "body", r.body, "1234567890")
		equal(t, "cut", r.isCut(), true)
		s.says("close")
		s.logs("2 bytes shorter than its Content-Length")
	})
}

func TestFileWrapper(t *testing.T) {
	each(t, models, func(t *testing.T, m model) {
		s := start(t, m)
		c := s.dial()
		c.send(request("GET", "/wrapped"))
		c.receive("GET").is(t, 200, "3456789") // from where the file stands
		c.send(request("GET", "/ducks"))
		c.receive("GET").is(t, 200, "abcd") // up to its Content-Length
		s.says("close")
		c.send(request("GET", "/rewrapped"))
		c.receive("GET").is(t, 200, "ABCD")
		c.send(request("HEAD", "/ducks"))
		c.receive("HEAD").is(t, 200, "")
		s.says("close")
		s.silent()
	})
}
