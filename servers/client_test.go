//go:build toolchain

package servers_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

// client is one connection to a server.
type client struct {
	net.Conn
	t *testing.T
	r *bufio.Reader
}

func (s *server) dial() *client {
	s.t.Helper()
	c, err := net.Dial(s.network(), s.addr)
	if err != nil {
		s.t.Fatalf("%v\n%s", err, s.log)
	}
	s.t.Cleanup(func() { c.Close() }) //nolint:errcheck,gosec // closed already, perhaps
	dialled := &client{Conn: c, t: s.t, r: bufio.NewReader(c)}
	dialled.patience()
	return dialled
}

// patience bounds the next wait for the server: a long test may have many.
func (c *client) patience() {
	c.SetDeadline(time.Now().Add(limit)) //nolint:errcheck,gosec // a socket has deadlines
}

func (c *client) send(text string) {
	c.t.Helper()
	c.patience()
	if _, err := io.WriteString(c, text); err != nil {
		c.t.Fatalf("send: %v", err)
	}
}

// request is the text of a request without a body.
func request(method, target string, fields ...string) string {
	return method + " " + target + " HTTP/1.1\r\nHost: test\r\n" + strings.Join(append(fields, "\r\n"), "\r\n")
}

func post(target, body string, fields ...string) string {
	fields = append(fields, "Content-Length: "+strconv.Itoa(len(body)))
	return request("POST", target, fields...) + body
}

// response is one that arrived whole.
type response struct {
	*http.Response
	body string
	err  error // what cut the body short
}

// receive reads one response to a method.
func (c *client) receive(method string) *response {
	c.t.Helper()
	r := c.head(method)
	body, err := io.ReadAll(r.Body)
	return &response{r, string(body), err}
}

// head reads a response's head; its body can be read as it comes.
func (c *client) head(method string) *http.Response {
	c.t.Helper()
	c.patience()
	r, err := http.ReadResponse(c.r, &http.Request{Method: method})
	if err != nil {
		c.t.Fatalf("no response: %v", err)
	}
	return r
}

// ends tells that the server closes the connection and sends nothing more.
func (c *client) ends() {
	c.t.Helper()
	c.patience()
	if rest, err := io.ReadAll(c.r); err != nil || len(rest) > 0 {
		c.t.Errorf("at the end came %q and %v", rest, err)
	}
}

// rest is all that comes until the server closes.
func (c *client) rest() string {
	c.t.Helper()
	c.patience()
	rest, err := io.ReadAll(c.r)
	if err != nil {
		c.t.Errorf("after %q: %v", rest, err)
	}
	return string(rest)
}

// reset closes with a RST.
func (c *client) reset() {
	if tcp, ok := c.Conn.(*net.TCPConn); ok {
		tcp.SetLinger(0) //nolint:errcheck,gosec // then it is a FIN
	}
	c.Close() //nolint:errcheck,gosec // that is the point
}

// get asks on a connection of its own.
func (s *server) get(target string) *response {
	s.t.Helper()
	return s.ask("GET", request("GET", target, "Connection: close"))
}

func (s *server) ask(method, text string) *response {
	s.t.Helper()
	c := s.dial()
	defer c.Close() //nolint:errcheck // all is read
	c.send(text)
	return c.receive(method)
}

// answers tells that the server answers another client.
func (s *server) answers() {
	s.t.Helper()
	if r := s.get("/hello"); r.StatusCode != 200 || r.body != "hello\n" {
		s.t.Errorf("hello: %s, %q", r.Status, r.body)
	}
}

// is checks status and body.
func (r *response) is(t *testing.T, status int, body string) {
	t.Helper()
	if r.StatusCode != status || r.body != body || r.err != nil {
		t.Errorf("%s, %q, %v; want %d, %q", r.Status, cut(r.body), r.err, status, cut(body))
	}
}

func cut(s string) string {
	if len(s) > 300 {
		return fmt.Sprintf("%s… (%d bytes)", s[:300], len(s))
	}
	return s
}
