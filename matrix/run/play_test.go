package run

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"wsgimatrix/matrix/golden"
	"wsgimatrix/matrix/results"
)

// TestLateChunksAreTriedAgain has a server hold its chunks back once, and always.
func TestLateChunksAreTriedAgain(t *testing.T) {
	for name, test := range map[string]struct {
		held  int32 // the first so many responses
		want  results.Outcome
		asked int32
	}{"once": {1, results.Pass, 2}, "always": {100, results.Fail, lateTries}} {
		t.Run(name, func(t *testing.T) {
			var asked atomic.Int32
			addr := listen(t, func(c *net.TCPConn) {
				n := asked.Add(1)
				_, _ = http.ReadRequest(bufio.NewReader(c))
				_, _ = io.WriteString(c, head+"Connection: close\r\nContent-Length: 2\r\n\r\na")
				if n > test.held {
					time.Sleep(60 * time.Millisecond)
				}
				_, _ = io.WriteString(c, "b")
			})
			c, err := golden.Parse("late", "late.txtar", []byte("T\n\n-- send --\nGET / HTTP/1.1\nHost: x\n\n-- expect --\n200 OK\n\na\\{pause 40ms}b\n"))
			if err != nil {
				t.Fatal(err)
			}
			if got := Play(t.Context(), addr, c, playLimits()); got.Outcome != test.want || asked.Load() != test.asked {
				t.Errorf("%s (%s) after %d tries, want %s after %d", got.Outcome, got.Reason, asked.Load(), test.want, test.asked)
			}
		})
	}
}

func playLimits() Limits {
	l := DefaultLimits()
	l.Wait, l.Settle, l.Exchange, l.Case = 300*time.Millisecond, 200*time.Millisecond, 3*time.Second, 5*time.Second
	return l
}

// listen serves each connection with f until the test ends, and returns the address.
func listen(t *testing.T, f func(*net.TCPConn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = conn.Close() }()
				f(conn.(*net.TCPConn))
			}()
		}
	}()
	return l.Addr().String()
}

const head = "HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n"

// answer is a whole response.
func answer(body string, fields ...string) string {
	return fmt.Sprintf("%s%sContent-Length: %d\r\n\r\n%s", head, strings.Join(append(fields, ""), "\r\n"), len(body), body)
}

// script answers the nth request on a connection with the nth text, and closes after the last.
func script(texts ...string) func(*net.TCPConn) {
	return func(c *net.TCPConn) {
		r := bufio.NewReader(c)
		for _, text := range texts {
			if _, err := readRequest(r); err != nil {
				return
			}
			_, _ = io.WriteString(c, text)
		}
	}
}

func readRequest(r *bufio.Reader) (*http.Request, error) {
	req, err := http.ReadRequest(r)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(req.Body)
	req.Body = io.NopCloser(bytes.NewReader(body))
	return req, err
}

// echo answers each request with its path and body, for as long as the client stays.
func echo(c *net.TCPConn) {
	r := bufio.NewReader(c)
	for {
		req, err := readRequest(r)
		if err != nil {
			return
		}
		body, _ := io.ReadAll(req.Body)
		_, _ = io.WriteString(c, answer(req.URL.Path+string(body)))
	}
}

// play plays a case against a server; every case has the same name.
func play(t *testing.T, server func(*net.TCPConn), sections string) results.Case {
	t.Helper()
	c, err := golden.Parse("demo", "demo.txtar", []byte("A title\n\n"+sections))
	if err != nil {
		t.Fatal(err)
	}
	return Play(t.Context(), listen(t, server), c, playLimits())
}

const (
	getA = "-- send --\nGET /a HTTP/1.1\nHost: matrix.test\n\n"
	getB = "-- send --\nGET /b HTTP/1.1\nHost: matrix.test\n\n"
	okA  = "-- expect --\n200 OK\n\n/a\n"
	okB  = "-- expect --\n200 OK\n\n/b\n"
)

func TestPlay(t *testing.T) {
	tests := map[string]struct {
		server func(*net.TCPConn)
		file   string
		want   string // a part of the differences; empty: it passes
	}{
		"pass":                     {echo, getA + okA, ""},
		"three on one connection":  {echo, getA + okA + getB + okB + getA + okA, ""},
		"pipelined":                {echo, getA + getB + okA + okB, ""},
		"pipelined in one send":    {echo, "-- send raw --\nGET /a HTTP/1.1\\r\\nHost: a\\r\\n\\r\\nGET /b HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n\n" + okA + okB, ""},
		"two connections":          {echo, strings.ReplaceAll(getA, "send", "send x") + getB + strings.ReplaceAll(okA, "expect", "expect x") + okB, ""},
		"body":                     {echo, getA + "-- expect --\n200 OK\n\n/b\n", "at byte 1 stands ‘a’, not ‘b’"},
		"announced close":          {script(answer("/a", "Connection: close")), getA + okA + getA + okA, ""},
		"pipelined, announced":     {script(answer("/a", "Connection: close")), getA + getA + okA + okA, ""},
		"silent close":             {script(answer("/a")), getA + okA + getA + okA, "without having said so"},
		"pipelined, silent close":  {script(answer("/a")), getA + getA + okA + okA, "without having said so"},
		"closed":                   {script(answer("/a", "Connection: close")), getA + okA + "-- closed --\n", ""},
		"closed, not":              {echo, getA + okA + "-- closed --\n", "the server has not closed the connection within 300ms"},
		"closed, with more":        {script(answer("/a") + "more"), getA + okA + "-- closed --\n", "4 bytes came that no request asked for: ‘more’"},
		"closed any, with words":   {script("HTTP/1.1 400 Bad Request\r\n\r\n"), getA + "-- closed any --\n", ""},
		"closed any, with none":    {script(""), getA + "-- closed any --\n", ""},
		"closed any, not":          {echo, getA + "-- closed any --\n", "the server has not closed the connection within 300ms"},
		"closed, then sent again":  {script(answer("/a", "Connection: close")), getA + okA + "-- closed --\n" + getA + okA, ""},
		"stray bytes at the end":   {script(answer("/a") + "stray"), getA + okA, "5 bytes came that no request asked for: ‘stray’"},
		"body of a HEAD":           {script(answer("/a")), "-- send --\nHEAD /a HTTP/1.1\nHost: a\n\n-- expect --\n200 OK\n", "2 bytes came that no request asked for: ‘/a’"},
		"body of a HEAD, then GET": {script(answer("/a"), answer("/a")), "-- send --\nHEAD /a HTTP/1.1\nHost: a\n\n-- expect --\n200 OK\n" + getA + okA, "not a status line"},
		"garbage":                  {script("garbage\n"), getA + okA, "not a status line: \"garbage\\n\""},
		"silence":                  {func(c *net.TCPConn) { _, _ = io.Copy(io.Discard, c) }, getA + okA, "no response: no byte within 300ms"},
		"1.0":                      {script(answer("/a")), "-- send --\nGET /a HTTP/1.0\n\n" + okA + getA + okA, ""},
		"close asked for":          {script(answer("/a")), "-- send --\nGET /a HTTP/1.1\nHost: a\nConnection: close\n\n" + okA + getA + okA, ""},
		"chunked to 1.0":           {script(head + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), "-- send --\nGET /a HTTP/1.0\n\n-- expect --\n200 OK\n", "C88"},
		"100, as expected":         {continuing(true), expectContinue + "-- expect --\n100 Continue\n\n-- send more --\nhello\n-- expect --\n200 OK\n\nhello\n", ""},
		"100, read over":           {continuing(true), expectContinue + "-- send more --\nhello\n-- expect --\n200 OK\n\nhello\n", ""},
		"100, missing":             {continuing(false), expectContinue + "-- expect --\n100 Continue\n\n-- send more --\nhello\n-- expect --\n200 OK\n\nhello\n", "no byte within 300ms"},
		"100, not asked for":       {script("HTTP/1.1 100 Continue\r\n\r\n" + answer("/a")), getA + okA, "the status is 100 Continue, not 200 OK"},
		"100, twice":               {script("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n" + answer("x")), strings.Replace(expectContinue, "Content-Length: 5", "Content-Length: 0", 1) + okA, "the status is 100 Continue"},
		"refused before the body":  {script417, expectContinue + "-- expect --\n417 Expectation Failed\n\n-- send more --\nhello\n" + getA + okA, ""},
		"saved and used":           {echo, "-- send --\nGET /a7 HTTP/1.1\nHost: a\n\n-- expect --\n200 OK\n\n/a\\{save n [0-9]}\n-- send --\nGET /\\{use n} HTTP/1.1\nHost: a\n\n-- expect --\n200 OK\n\n/7\n", ""},
		"used, never saved":        {echo, "-- send --\nGET /ax HTTP/1.1\nHost: a\n\n-- expect --\n200 OK\n\n/a\\{save n [0-9]}\n-- send --\nGET /\\{use n} HTTP/1.1\nHost: a\n\n-- expect --\n200 OK\n\n/7\n", `\{use n}: nothing was saved`},
		"partial, then reset":      {endlessBody, getA + "-- expect partial --\n200 OK\n\nhello\n-- reset --\n" + getA + "-- expect partial --\n200 OK\n\nhello\n-- close --\n", ""},
		"partial at the end":       {endlessBody, getA + "-- expect partial --\n200 OK\n\nhello\n", ""},
		"truncated":                {script(head + "Content-Length: 9\r\n\r\nhello"), getA + "-- expect truncated --\n200 OK\n\nhello\n-- closed --\n" + getA + "-- expect truncated --\n200 OK\n\nhello\n", ""},
		"truncated, not":           {script(answer("hello")), getA + "-- expect truncated --\n200 OK\n\nhello\n", "the response is complete by its framing (length)"},
		"half-close":               {halfClosed, getA + "-- half-close --\n" + okA + "-- closed --\n", ""},
		"answered while sending":   {early413, "-- send --\nPOST / HTTP/1.1\nHost: a\nContent-Length: \\{length}\n\n\\{bytes 8000000}\n-- expect --\n413 Content Too Large\n-- closed --\n", ""},
		"bad request":              {badRequest, "-- send raw --\nHEAD\\r\\n\\r\\n\n-- expect --\n400 Bad Request\n-- or --\n501 Not Implemented\n-- closed --\n", ""},
		"two faults are two":       {echo, getA + okB + getB + okA, "‘b’, not ‘a’"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			checkResult(t, play(t, tt.server, tt.file), tt.want)
		})
	}
}

const expectContinue = "-- send --\nPOST /a HTTP/1.1\nHost: a\nExpect: 100-continue\nContent-Length: 5\n\n"

// continuing waits for a body, with or without a 100 before.
func continuing(interim bool) func(*net.TCPConn) {
	return func(c *net.TCPConn) {
		r := bufio.NewReader(c)
		req, err := http.ReadRequest(r)
		if err != nil {
			return
		}
		if interim {
			_, _ = io.WriteString(c, "HTTP/1.1 100 Continue\r\n\r\n")
		}
		body, err := io.ReadAll(req.Body)
		if err == nil {
			_, _ = io.WriteString(c, answer(string(body)))
		}
		_, _ = io.Copy(io.Discard, r)
	}
}

// script417 refuses an expectation, and answers anything else with its path.
func script417(c *net.TCPConn) {
	req, err := http.ReadRequest(bufio.NewReader(c))
	if err != nil {
		return
	}
	if req.Header.Get("Expect") == "" {
		_, _ = io.WriteString(c, answer(req.URL.Path))
		return
	}
	_, _ = io.WriteString(c, strings.Replace(answer("", "Connection: close"), "200 OK", "417 Expectation Failed", 1))
}

func endlessBody(c *net.TCPConn) {
	_, err := io.WriteString(c, head+"Connection: close\r\n\r\n")
	for err == nil {
		_, err = io.WriteString(c, "hello")
	}
}

func halfClosed(c *net.TCPConn) {
	_, _ = io.Copy(io.Discard, c)
	_, _ = io.WriteString(c, answer("/a"))
}

func early413(c *net.TCPConn) {
	_, _ = c.Read(make([]byte, 10))
	_, _ = io.WriteString(c, strings.Replace(answer("", "Connection: close"), "200 OK", "413 Content Too Large", 1))
}

func badRequest(c *net.TCPConn) {
	_, _ = c.Read(make([]byte, 100))
	_, _ = io.WriteString(c, strings.Replace(answer("", "Connection: close"), "200 OK", "400 Bad Request", 1))
}

func checkResult(t *testing.T, c results.Case, want string) {
	t.Helper()
	var all []string
	for _, ex := range c.Exchanges {
		all = append(all, ex.Differences...)
	}
	if got := strings.Join(all, "; "); want == "" && got != "" || !strings.Contains(got, want) {
		t.Errorf("differences are %q, not %q", got, want)
	}
	expected := results.Pass
	if want != "" {
		expected = results.Fail
	}
	if c.Outcome != expected {
		t.Errorf("the outcome is %s: %s", c.Outcome, c.Reason)
	}
}

func TestWhatAnExchangeKeeps(t *testing.T) {
	c := play(t, echo, getA+okA+getB+"-- send more --\nGET /c HTTP/1.1\nHost: a\n\n\n"+okB+"-- or --\n404 Not Found\n"+"-- expect --\n200 OK\n\n/d\n")
	if len(c.Exchanges) != 1 {
		t.Fatalf("%d exchanges are kept: %s", len(c.Exchanges), c.Reason)
	}
	ex := c.Exchanges[0]
	if ex.Line != 26 || ex.Connection != "main" || len(ex.Golden) != 1 || ex.Golden[0] != "200 OK\n\n/d\n" {
		t.Errorf("%+v", ex)
	}
	if ex.Sent != "GET /c HTTP/1.1\nHost: a\n\n\n" || string(ex.Received) != answer("/c") || ex.Shown != "200 OK\nContent-Length: 2\n\n/c\n" {
		t.Errorf("sent %q, received %q, shown %q", ex.Sent, ex.Received, ex.Shown)
	}
	if !strings.Contains(ex.Diff, "-/d\n+/c\n") || c.Title != "A title" || c.Level != "must" || c.File != "demo.txtar" || c.Seconds <= 0 {
		t.Errorf("%+v", c)
	}
}

func TestEndlessResponseIsCut(t *testing.T) {
	c, err := golden.Parse("demo", "demo.txtar", []byte("T\n"+getA+okA))
	if err != nil {
		t.Fatal(err)
	}
	limits := playLimits()
	limits.Record, limits.Keep = 1<<20, 1<<10
	result := Play(t.Context(), listen(t, endlessBody), c, limits)
	if result.Outcome != results.Fail || !result.Exchanges[0].Cut || len(result.Exchanges[0].Received) != 1<<10 {
		t.Errorf("%s: %s", result.Outcome, result.Reason)
	}
}

func TestPauses(t *testing.T) {
	streaming := func(gap time.Duration) func(*net.TCPConn) {
		return func(c *net.TCPConn) {
			_, _ = readRequest(bufio.NewReader(c))
			const first, second = head + "Transfer-Encoding: chunked\r\n\r\n3\r\none\r\n", "3\r\ntwo\r\n0\r\n\r\n"
			if gap == 0 {
				_, _ = io.WriteString(c, first+second)
				return
			}
			_, _ = io.WriteString(c, first)
			time.Sleep(gap)
			_, _ = io.WriteString(c, second)
		}
	}
	const file = getA + "-- expect --\n200 OK\n\none\\{pause 50ms}two\n"
	checkResult(t, play(t, streaming(250*time.Millisecond), file), "")
	checkResult(t, play(t, streaming(0), file), "chunks are held back (C51)")
}

func TestErrors(t *testing.T) {
	c, err := golden.Parse("demo", "demo.txtar", []byte("T\n"+getA+okA))
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if r := Play(t.Context(), l.Addr().String(), c, playLimits()); r.Outcome != results.Error || !strings.Contains(r.Reason, "cannot connect") {
		t.Errorf("nobody listens: %s: %s", r.Outcome, r.Reason)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	silent := listen(t, func(c *net.TCPConn) { _, _ = io.Copy(io.Discard, c) })
	if r := Play(ctx, silent, c, playLimits()); r.Outcome != results.Error || !strings.Contains(r.Reason, "cancelled") {
		t.Errorf("cancelled: %s: %s", r.Outcome, r.Reason)
	}
	limits := playLimits()
	limits.Case = 50 * time.Millisecond
	if r := Play(t.Context(), silent, c, limits); r.Outcome != results.Fail || !strings.Contains(r.Reason, "the case took longer than 50ms") {
		t.Errorf("too long: %s: %s", r.Outcome, r.Reason)
	}
}

func TestCaseTimeoutReplacesTheWait(t *testing.T) {
	c, err := golden.Parse("demo", "demo.txtar", []byte("T\ntimeout: 50ms\n"+getA+okA))
	if err != nil {
		t.Fatal(err)
	}
	r := Play(t.Context(), listen(t, func(c *net.TCPConn) { _, _ = io.Copy(io.Discard, c) }), c, playLimits())
	if !strings.Contains(r.Reason, "no byte within 50ms") {
		t.Error(r.Reason)
	}
}

func TestNoConnectionIsLeftOpen(t *testing.T) {
	var open atomic.Int32
	ended := make(chan struct{}, 10)
	server := func(c *net.TCPConn) {
		open.Add(1)
		echo(c)
		open.Add(-1)
		ended <- struct{}{}
	}
	play(t, server, getA+okA+strings.ReplaceAll(getB, "send", "send x")+"-- send y raw --\nGET\n")
	for range 3 {
		select {
		case <-ended:
		case <-time.After(2 * time.Second):
			t.Fatalf("%d connections are open", open.Load())
		}
	}
}
