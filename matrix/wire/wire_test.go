package wire

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

var testLimits = Limits{Connect: 2 * time.Second, Wait: 300 * time.Millisecond, Total: 2 * time.Second, Record: 1 << 20}

// serve answers one connection with f and returns the address.
func serve(t *testing.T, f func(*net.TCPConn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer func() { _ = conn.Close() }()
		f(conn.(*net.TCPConn))
	}()
	t.Cleanup(func() { _ = l.Close(); <-done })
	return l.Addr().String()
}

func dial(t *testing.T, addr string, limits Limits) *Conn {
	t.Helper()
	c, err := Dial(t.Context(), addr, limits)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// answering is a connection to a server that sends text, waits for the client's end and closes.
func answering(t *testing.T, text string) *Conn {
	return dial(t, serve(t, func(c *net.TCPConn) {
		_, _ = io.WriteString(c, text)
		_ = c.CloseWrite()
		_, _ = io.Copy(io.Discard, c)
	}), testLimits)
}

func get(minor int) Want { return Want{Method: "GET", Minor: minor} }

func TestReceive(t *testing.T) {
	const ok = "HTTP/1.1 200 OK\r\n"
	tests := map[string]struct {
		sent    string
		want    Want
		body    string
		framing Framing
		end     End
		fault   string // a part of one; empty: there is none
		closes  bool
	}{
		"length":               {ok + "Content-Length: 5\r\n\r\nhello", get(1), "hello", Length, Complete, "", false},
		"empty":                {ok + "Content-Length: 0\r\n\r\n", get(1), "", Length, Complete, "", false},
		"chunked":              {ok + "Transfer-Encoding: chunked\r\n\r\n3;x=y\r\nhel\r\n2\r\nlo\r\n0\r\nX: y\r\n\r\n", get(1), "hello", Chunked, Complete, "", false},
		"close":                {ok + "\r\nhello", get(1), "hello", ByClose, Complete, "", true},
		"head":                 {ok + "Content-Length: 5\r\n\r\n", Want{Method: "HEAD", Minor: 1}, "", None, Complete, "", false},
		"204":                  {"HTTP/1.1 204 No Content\r\n\r\n", get(1), "", None, Complete, "", false},
		"304":                  {"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", get(1), "", None, Complete, "", false},
		"100":                  {"HTTP/1.1 100 Continue\r\n\r\n", get(1), "", None, Complete, "", false},
		"announced":            {ok + "Connection: x, Close\r\nContent-Length: 0\r\n\r\n", get(1), "", Length, Complete, "", true},
		"1.0 client":           {ok + "Content-Length: 0\r\n\r\n", get(0), "", Length, Complete, "", true},
		"1.0 client kept":      {ok + "Connection: keep-alive\r\nContent-Length: 0\r\n\r\n", Want{Method: "GET", KeepAlive: true}, "", Length, Complete, "", false},
		"1.0 server":           {"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", get(1), "", Length, Complete, "", true},
		"no reason":            {"HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n", get(1), "", Length, Complete, "", false},
		"no space":             {"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", get(1), "", Length, Complete, "no space after the code", false},
		"both":                 {ok + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", get(1), "", Chunked, Complete, "both", false},
		"1.0 chunked":          {"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", get(1), "", Chunked, Complete, "HTTP/1.0", true},
		"gzip, chunked":        {ok + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", get(1), "", Chunked, Complete, "no request asked", false},
		"unknown coding":       {ok + "Transfer-Encoding: x\r\n\r\nhello", get(1), "hello", ByClose, Complete, "no request asked", true},
		"same lengths":         {ok + "Content-Length: 1\r\nContent-Length: 1\r\n\r\nx", get(1), "x", Length, Complete, "stands 2 times", false},
		"lengths differ":       {ok + "Content-Length: 1\r\nContent-Length: 2\r\n\r\nx", get(1), "x", ByClose, Complete, "differ", true},
		"signed length":        {ok + "Content-Length: +1\r\n\r\nx", get(1), "x", ByClose, Complete, "not a number", true},
		"huge length":          {ok + "Content-Length: 99999999999999999999\r\n\r\nx", get(1), "x", ByClose, Complete, "not a number", true},
		"short":                {ok + "Content-Length: 9\r\n\r\nhello", get(1), "hello", Length, EOF, "", false},
		"chunk cut":            {ok + "Transfer-Encoding: chunked\r\n\r\n5\r\nhel", get(1), "hel", Chunked, EOF, "", false},
		"last chunk missing":   {ok + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", get(1), "hello", Chunked, EOF, "", false},
		"chunk size 0x":        {ok + "Transfer-Encoding: chunked\r\n\r\n0x5\r\nhello\r\n", get(1), "", Chunked, Malformed, "not the size", false},
		"chunk size sign":      {ok + "Transfer-Encoding: chunked\r\n\r\n+5\r\nhello\r\n", get(1), "", Chunked, Malformed, "not the size", false},
		"chunk size _":         {ok + "Transfer-Encoding: chunked\r\n\r\n0_5\r\nhello\r\n", get(1), "", Chunked, Malformed, "not the size", false},
		"chunk size overflows": {ok + "Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n", get(1), "", Chunked, Malformed, "not the size", false},
		"chunk without end":    {ok + "Transfer-Encoding: chunked\r\n\r\n2\r\nhello\r\n0\r\n\r\n", get(1), "he", Chunked, Malformed, "does not end with CRLF", false},
		"garbage":              {"hello\n", get(1), "", Unframed, Malformed, "not a status line", true},
		"short garbage":        {"hello", get(1), "", Unframed, EOF, "not a status line", true},
		"no code":              {"HTTP/1.1 OK\r\n\r\n", get(1), "", Unframed, Malformed, "not a status line", true},
		"control in reason":    {"HTTP/1.1 200 O\x00K\r\n\r\n", get(1), "", Unframed, Malformed, "not a status line", true},
		"nothing":              {"", get(1), "", Unframed, EOF, "", true},
		"half a head":          {ok + "Content-", get(1), "", Unframed, EOF, "", true},
		"bare LF":              {"HTTP/1.1 200 OK\nContent-Length: 0\n\n", get(1), "", Length, Complete, "bare LF", false},
		"folded":               {ok + "X: a\r\n b\r\nContent-Length: 0\r\n\r\n", get(1), "", Length, Complete, "folded", false},
		"no colon":             {ok + "X\r\nContent-Length: 0\r\n\r\n", get(1), "", Length, Complete, "no colon", false},
		"space before colon":   {ok + "X : y\r\nContent-Length: 0\r\n\r\n", get(1), "", Length, Complete, "not the name", false},
		"control in value":     {ok + "X: a\rb\r\nContent-Length: 0\r\n\r\n", get(1), "", Length, Complete, "control character", false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := answering(t, tt.sent).Receive(t.Context(), tt.want)
			if string(r.Body) != tt.body || r.Framing != tt.framing || r.End != tt.end {
				t.Errorf("got body %q, framing %q, end %d; want %q, %q, %d", r.Body, r.Framing, r.End, tt.body, tt.framing, tt.end)
			}
			if string(r.Raw) != tt.sent {
				t.Errorf("raw is %q, sent was %q", r.Raw, tt.sent)
			}
			if r.Complete == (r.Stopped != "") {
				t.Errorf("complete is %v and stopped %q", r.Complete, r.Stopped)
			}
			if r.Head() && r.AnnouncedClose != tt.closes {
				t.Errorf("announced close is %v", r.AnnouncedClose)
			}
			checkFault(t, r.Faults, tt.fault)
		})
	}
}

func checkFault(t *testing.T, faults []string, want string) {
	t.Helper()
	all := strings.Join(faults, "; ")
	if want == "" && all != "" || !strings.Contains(all, want) {
		t.Errorf("faults are %q, not %q", all, want)
	}
}

func TestEveryByteValueBothWays(t *testing.T) {
	var all []byte
	for i := range 256 {
		all = append(all, byte(i))
	}
	c := dial(t, serve(t, func(c *net.TCPConn) {
		body := make([]byte, 256)
		_, _ = io.ReadFull(c, body)
		_, _ = fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: 256\r\n\r\n%s", body)
	}), testLimits)
	if err := c.Send(t.Context(), all); err != nil {
		t.Fatal(err)
	}
	if r := c.Receive(t.Context(), get(1)); !bytes.Equal(r.Body, all) {
		t.Errorf("got %q", r.Body)
	}
}

func TestByteByByteAndPipelined(t *testing.T) {
	const one = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n"
	c := dial(t, serve(t, func(c *net.TCPConn) {
		for _, b := range []byte(one + one) {
			_, _ = c.Write([]byte{b})
		}
	}), testLimits)
	for range 2 {
		if r := c.Receive(t.Context(), get(1)); string(r.Raw) != one || !r.Complete || string(r.Body) != "hi" {
			t.Errorf("got %q, %q", r.Raw, r.Stopped)
		}
	}
}

func TestSilence(t *testing.T) {
	tests := map[string]struct{ sent, want string }{
		"nothing":   {"", "no byte within 300ms"},
		"part":      {"HTTP/1.1 200 OK\r\n", "stopped after 17 bytes: nothing more within 300ms"},
		"part body": {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel", "stopped after 41 bytes: nothing more within 300ms"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := dial(t, serve(t, func(c *net.TCPConn) {
				_, _ = io.WriteString(c, tt.sent)
				_, _ = io.Copy(io.Discard, c)
			}), testLimits)
			if r := c.Receive(t.Context(), get(1)); r.Stopped != tt.want || r.End != Silent {
				t.Errorf("stopped is %q", r.Stopped)
			}
		})
	}
}

func TestReset(t *testing.T) {
	c := dial(t, serve(t, func(c *net.TCPConn) {
		_, _ = c.Read(make([]byte, 1))
		_ = c.SetLinger(0)
	}), testLimits)
	if err := c.Send(t.Context(), []byte("x")); err != nil {
		t.Fatal(err)
	}
	r := c.Receive(t.Context(), get(1))
	if r.End != Reset || r.Stopped != "the server reset the connection without a byte" {
		t.Errorf("end %d: %q", r.End, r.Stopped)
	}
}

// endless sends head and then text until the client is gone.
func endless(head, text string) func(*net.TCPConn) {
	return func(c *net.TCPConn) {
		_, err := io.WriteString(c, head)
		for err == nil {
			_, err = io.WriteString(c, text)
		}
	}
}

func TestEndless(t *testing.T) {
	tests := map[string]struct{ head, text string }{
		"garbage":      {"", strings.Repeat("x", 1000)},
		"headers":      {"HTTP/1.1 200 OK\r\n", "X: y\r\n"},
		"header":       {"HTTP/1.1 200 OK\r\nX: ", strings.Repeat("x", 1000)},
		"body":         {"HTTP/1.1 200 OK\r\n\r\n", strings.Repeat("x", 1000)},
		"chunks":       {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "1\r\nx\r\n"},
		"chunk's size": {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", strings.Repeat("0", 1000)},
		"interim":      {"", "HTTP/1.1 100 Continue\r\n\r\n"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := dial(t, serve(t, endless(tt.head, tt.text)), testLimits)
			r := c.Receive(t.Context(), get(1))
			if name == "interim" {
				if r.Code != 100 || !r.Complete {
					t.Errorf("got %d, %q", r.Code, r.Stopped)
				}
				return
			}
			if r.Complete || r.Stopped == "" || len(r.Raw) > testLimits.Record+chunk {
				t.Errorf("complete %v, stopped %q, %d bytes", r.Complete, r.Stopped, len(r.Raw))
			}
		})
	}
}

func TestEndlessBodyIsCut(t *testing.T) {
	c := dial(t, serve(t, endless("HTTP/1.1 200 OK\r\n\r\n", strings.Repeat("x", 1000))), testLimits)
	if r := c.Receive(t.Context(), get(1)); !r.Cut || r.End != Long || len(r.Raw) < testLimits.Record {
		t.Errorf("cut %v, end %d, %d bytes", r.Cut, r.End, len(r.Raw))
	}
}

func TestDripIsBounded(t *testing.T) {
	limits := testLimits
	limits.Total = 400 * time.Millisecond
	c := dial(t, serve(t, func(c *net.TCPConn) {
		_, err := io.WriteString(c, "HTTP/1.1 200 OK\r\n\r\n")
		for err == nil {
			_, err = c.Write([]byte("x"))
			time.Sleep(10 * time.Millisecond)
		}
	}), limits)
	if r := c.Receive(t.Context(), get(1)); r.End != Slow || !strings.HasPrefix(r.Stopped, "not complete after 400ms") {
		t.Errorf("end %d: %q", r.End, r.Stopped)
	}
}

func TestCancelledAtOnce(t *testing.T) {
	limits := testLimits
	limits.Wait = time.Minute
	limits.Total = time.Minute
	release := make(chan struct{})
	c := dial(t, serve(t, func(*net.TCPConn) { <-release }), limits)
	defer close(release)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if r := c.Receive(ctx, get(1)); r.End != Cancelled {
		t.Errorf("end is %d", r.End)
	}
	if err := c.Send(ctx, make([]byte, 64<<20)); err == nil {
		t.Error("a cancelled send sent")
	}
}

func TestMarksTellWhenChunksCame(t *testing.T) {
	c := dial(t, serve(t, func(c *net.TCPConn) {
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n")
		time.Sleep(400 * time.Millisecond)
		_, _ = io.WriteString(c, "3\r\ntwo\r\n0\r\n\r\n")
	}), testLimits)
	time.Sleep(500 * time.Millisecond) // the times are those of arrival, however late one asks
	r := c.Receive(t.Context(), get(1))
	if gap := r.Arrival(3).Sub(r.Arrival(2)); gap < 100*time.Millisecond {
		t.Errorf("gap before the second chunk is %s", gap)
	}
	if gap := r.Arrival(2).Sub(r.Arrival(-1)); gap > 300*time.Millisecond {
		t.Errorf("gap before the first chunk is %s", gap)
	}
	if !r.Arrival(6).After(r.HeadAt) {
		t.Error("the end has no time")
	}
}

func TestEnoughLeavesTheRest(t *testing.T) {
	c := dial(t, serve(t, endless("HTTP/1.1 200 OK\r\n\r\n", "hello")), testLimits)
	want := get(1)
	want.Enough = func(r *Response) bool { return len(r.Body) >= 5 }
	if r := c.Receive(t.Context(), want); r.End != Enough || r.Complete || !strings.HasPrefix(string(r.Body), "hello") {
		t.Errorf("end %d, %d bytes", r.End, len(r.Body))
	}
}

func TestAnswerBeforeTheBodyWasRead(t *testing.T) {
	const answer = "HTTP/1.1 413 Content Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
	c := dial(t, serve(t, func(c *net.TCPConn) {
		_, _ = c.Read(make([]byte, 10))
		_, _ = io.WriteString(c, answer) // and closes, with unread data: a RST follows
	}), testLimits)
	if err := c.Send(t.Context(), make([]byte, 16<<20)); err != nil {
		t.Fatal(err)
	}
	if r := c.Receive(t.Context(), get(1)); r.Code != 413 || !r.Complete {
		t.Errorf("got %d: %s", r.Code, r.Stopped)
	}
}

func TestLargeBothWaysDoesNotDeadlock(t *testing.T) {
	limits := testLimits
	limits.Record, limits.Total = 32<<20, 10*time.Second
	const n = 16 << 20
	c := dial(t, serve(t, func(c *net.TCPConn) {
		_, _ = fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", n)
		_, _ = io.CopyN(c, c, n)
	}), limits)
	if err := c.Send(t.Context(), make([]byte, n)); err != nil {
		t.Fatal(err)
	}
	if r := c.Receive(t.Context(), get(1)); len(r.Body) != n || !r.Complete {
		t.Errorf("got %d bytes: %s", len(r.Body), r.Stopped)
	}
}

func TestLargeChunkedBody(t *testing.T) {
	body := strings.Repeat("x", maxHead+1)
	c := dial(t, serve(t, func(c *net.TCPConn) {
		_, _ = fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", len(body), body)
	}), testLimits)
	if r := c.Receive(t.Context(), get(1)); string(r.Body) != body || !r.Complete || len(r.Faults) > 0 {
		t.Errorf("got %d bytes: %s, %q", len(r.Body), r.Stopped, r.Faults)
	}
}

func TestSendToOneThatDoesNotRead(t *testing.T) {
	release := make(chan struct{})
	c := dial(t, serve(t, func(*net.TCPConn) { <-release }), testLimits)
	defer close(release)
	err := c.Send(t.Context(), make([]byte, 64<<20))
	if err == nil || !strings.Contains(err.Error(), "no more within") {
		t.Errorf("error is %v", err)
	}
}

func TestAwaitClose(t *testing.T) {
	tests := map[string]struct {
		serve      func(*net.TCPConn)
		stray, err string
	}{
		"closes":    {func(*net.TCPConn) {}, "", ""},
		"resets":    {func(c *net.TCPConn) { _ = c.SetLinger(0) }, "", ""},
		"says more": {func(c *net.TCPConn) { _, _ = io.WriteString(c, "bye") }, "bye", ""},
		"stays":     {func(c *net.TCPConn) { _, _ = io.Copy(io.Discard, c) }, "", "the server has not closed the connection within 300ms"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := dial(t, serve(t, func(c *net.TCPConn) {
				_, _ = c.Read(make([]byte, 1)) // the client is connected for sure
				tt.serve(c)
			}), testLimits)
			if err := c.Send(t.Context(), []byte("x")); err != nil {
				t.Fatal(err)
			}
			stray, err := c.AwaitClose(t.Context())
			if string(stray) != tt.stray || fmt.Sprint(err) != fmt.Sprint(errorOf(tt.err)) {
				t.Errorf("got %q, %v", stray, err)
			}
		})
	}
}

func errorOf(text string) error {
	if text == "" {
		return nil
	}
	return fmt.Errorf("%s", text)
}

func TestSettle(t *testing.T) {
	c := dial(t, serve(t, func(c *net.TCPConn) {
		_, _ = io.Copy(io.Discard, c)
		_, _ = io.WriteString(c, "late")
	}), testLimits)
	if stray := c.Settle(t.Context(), time.Second); string(stray) != "late" {
		t.Errorf("got %q", stray)
	}
}

func TestHalfCloseAndReset(t *testing.T) {
	seen := make(chan error, 2)
	half := func(c *net.TCPConn) {
		_, err := io.Copy(io.Discard, c)
		seen <- err
		_, _ = io.WriteString(c, "HTTP/1.1 204 No Content\r\n\r\n")
	}
	c := dial(t, serve(t, half), testLimits)
	if err := c.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if r := c.Receive(t.Context(), get(1)); r.Code != 204 || <-seen != nil {
		t.Errorf("a half-closed connection got %d, %s", r.Code, r.Stopped)
	}
	c = dial(t, serve(t, half), testLimits)
	if err := c.Reset(); err != nil {
		t.Fatal(err)
	}
	if err := <-seen; err == nil {
		t.Error("a reset arrived as an orderly close")
	}
}

func TestReadAheadIsBounded(t *testing.T) {
	c := dial(t, serve(t, endless("", strings.Repeat("x", 1000))), testLimits)
	for { // until the reading goroutine has filled the window
		data, changed, _ := c.in.look()
		if len(data) >= window {
			break
		}
		<-changed
	}
	if data, _, _ := c.in.look(); len(data) >= window+chunk {
		t.Errorf("%d bytes were read ahead", len(data))
	}
	if err := c.Close(); err != nil { // while that goroutine waits for room
		t.Fatal(err)
	}
}

func FuzzReceive(f *testing.F) {
	f.Add([]byte("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"))
	f.Add([]byte("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"))
	f.Add([]byte("HTTP/1.0 304 \n\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		in := newInbox(1 << 20)
		in.put(data, io.EOF)
		c := &Conn{limits: testLimits, in: in}
		r := c.Receive(t.Context(), get(1))
		if !bytes.HasPrefix(data, r.Raw) || len(r.Body) > len(r.Raw) || r.Complete == (r.Stopped != "") {
			t.Errorf("%+v", r)
		}
	})
}
