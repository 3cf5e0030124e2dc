package http1

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
)

// shape is what a test says of a request, in one line.
func shape(r *Request) string {
	s := fmt.Sprintf("%s %s?%s 1.%d host=%q", r.Method, r.Path, r.Query, r.Minor, r.Host)
	if r.Host == nil {
		s = strings.Replace(s, `host=""`, "host=none", 1)
	}
	if r.ContentLength >= 0 {
		s += fmt.Sprintf(" length=%d", r.ContentLength)
	}
	for _, flag := range []struct {
		on   bool
		name string
	}{{r.Chunked, "chunked"}, {r.KeepAlive, "keep-alive"}, {r.ExpectContinue, "continue"}} {
		if flag.on {
			s += " " + flag.name
		}
	}
	return s
}

var accepted = []struct{ name, raw, want string }{
	{"wrk", "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n", `GET /hello? 1.1 host="x" keep-alive`},
	{"query", "GET /a?b=c?d&e HTTP/1.1\r\nHost: x\r\n\r\n", `GET /a?b=c?d&e 1.1 host="x" keep-alive`},
	{"HTTP/1.0 without Host", "GET / HTTP/1.0\r\n\r\n", `GET /? 1.0 host=none`},
	{"HTTP/1.0 keep-alive", "GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", `GET /? 1.0 host=none keep-alive`},
	{"HTTP/1.0 keep-alive and close", "GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n", `GET /? 1.0 host=none`},
	{"HTTP/1.2 is 1.1", "GET / HTTP/1.2\r\nHost: x\r\n\r\n", `GET /? 1.1 host="x" keep-alive`},
	{"close", "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade,  CLOSE\r\n\r\n", `GET /? 1.1 host="x"`},
	{"close in the second Connection", "GET / HTTP/1.1\r\nConnection: x\r\nHost: x\r\nconnection: close\r\n\r\n", `GET /? 1.1 host="x"`},
	{"closed is not close", "GET / HTTP/1.1\r\nHost: x\r\nConnection: closed\r\n\r\n", `GET /? 1.1 host="x" keep-alive`},
	{"method keeps its case", "gEt-it! / HTTP/1.1\r\nHost: x\r\n\r\n", `gEt-it! /? 1.1 host="x" keep-alive`},
	{"blank lines first", "\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n", `GET /? 1.1 host="x" keep-alive`},
	{"raw 8-bit target", "GET /\xc3\xa9\xff HTTP/1.1\r\nHost: x\r\n\r\n", "GET /\xc3\xa9\xff? 1.1 host=\"x\" keep-alive"},
	{"odd but printable target", "GET /\"<>\\^`{|} HTTP/1.1\r\nHost: x\r\n\r\n", "GET /\"<>\\^`{|}? 1.1 host=\"x\" keep-alive"},
	{"absolute-form", "GET http://a.b:80/c?d HTTP/1.1\r\nHost: x\r\n\r\n", `GET /c?d 1.1 host="a.b:80" keep-alive`},
	{"absolute-form, scheme in capitals", "GET HTTPS://a HTTP/1.1\r\nHost: x\r\n\r\n", `GET /? 1.1 host="a" keep-alive`},
	{"absolute-form, query alone", "GET http://a?b HTTP/1.1\r\nHost: x\r\n\r\n", `GET /?b 1.1 host="a" keep-alive`},
	{"absolute-form in 1.0", "GET http://a/ HTTP/1.0\r\n\r\n", `GET /? 1.0 host="a"`},
	{"asterisk", "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", `OPTIONS *? 1.1 host="x" keep-alive`},
	{"empty Host", "GET / HTTP/1.1\r\nHost:\r\n\r\n", `GET /? 1.1 host="" keep-alive`},
	{"IPv6 Host", "GET / HTTP/1.1\r\nHost: [::1]:8000\r\n\r\n", `GET /? 1.1 host="[::1]:8000" keep-alive`},
	{"Host with %, _ and an empty port", "GET / HTTP/1.1\r\nHost: a_b%2Dc:\r\n\r\n", `GET /? 1.1 host="a_b%2Dc:" keep-alive`},
	{"Content-Length", "POST / HTTP/1.1\r\nHost: x\r\nCONTENT-LENGTH: 0042\t\r\n\r\n", `POST /? 1.1 host="x" length=42 keep-alive`},
	{"largest Content-Length", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9223372036854775807\r\n\r\n", `POST /? 1.1 host="x" length=9223372036854775807 keep-alive`},
	{"Content-Length in 1.0", "POST / HTTP/1.0\r\nContent-Length: 3\r\n\r\n", `POST /? 1.0 host=none length=3`},
	{"chunked", "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: Chunked\r\n\r\n", `POST /? 1.1 host="x" chunked keep-alive`},
	{"expectation", "POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-Continue\r\nContent-Length: 3\r\n\r\n", `POST /? 1.1 host="x" length=3 keep-alive continue`},
	{"expectation, chunked", "POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n", `POST /? 1.1 host="x" chunked keep-alive continue`},
	{"expectation without a body", "POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 0\r\n\r\n", `POST /? 1.1 host="x" length=0 keep-alive`},
	{"expectation in 1.0", "POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n", `POST /? 1.0 host=none length=3`},
	{"unknown expectation in 1.0", "POST / HTTP/1.0\r\nExpect: a miracle\r\n\r\n", `POST /? 1.0 host=none`},
	{"empty value, 8-bit value, tab", "GET / HTTP/1.1\r\nHost: x\r\nA:\r\nB: \xe9\x80\xff\r\nC: a\tb\r\n\r\n", `GET /? 1.1 host="x" keep-alive`},
}

const post = "POST / HTTP/1.1\r\nHost: x\r\n"

var refused = []struct {
	name, raw string
	status    int
}{
	{"bare LF after the request line", "GET / HTTP/1.1\nHost: x\r\n\r\n", 400},
	{"bare LF after a field", "GET / HTTP/1.1\r\nHost: x\n\r\n", 400},
	{"bare LF as blank line", "GET / HTTP/1.1\r\nHost: x\r\n\n", 400},
	{"bare LF first", "\nGET / HTTP/1.1\r\nHost: x\r\n\r\n", 400},
	{"bare CR as every line end", "GET / HTTP/1.1\rHost: x\r\r", 400},
	{"bare CR in a value", "GET / HTTP/1.1\r\nHost: x\r\nA: b\rc\r\n\r\n", 400},
	{"bare CR first", "\rGET / HTTP/1.1\r\nHost: x\r\n\r\n", 400},
	{"two CRs", "GET / HTTP/1.1\r\r\nHost: x\r\n\r\n", 400},
	{"too many blank lines", "\r\n\r\n\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n", 400},
	{"TLS", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400},
	{"no version", "GET /\r\n\r\n", 400},
	{"method alone", "GET\r\n\r\n", 400},
	{"method and space", "GET \r\n\r\n", 400},
	{"HTTX", "GET / HTTX/1.1\r\nHost: x\r\n\r\n", 400},
	{"http in small letters", "GET / http/1.1\r\nHost: x\r\n\r\n", 400},
	{"HTTP/1.10", "GET / HTTP/1.10\r\nHost: x\r\n\r\n", 400},
	{"HTTP/1", "GET / HTTP/1\r\nHost: x\r\n\r\n", 400},
	{"HTTP/1.x", "GET / HTTP/1.x\r\nHost: x\r\n\r\n", 400},
	{"HTTP/2.0", "GET / HTTP/2.0\r\nHost: x\r\n\r\n", 505},
	{"HTTP/0.9", "GET / HTTP/0.9\r\n\r\n", 505},
	{"the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
	{"two spaces", "GET  / HTTP/1.1\r\nHost: x\r\n\r\n", 400},
	{"two spaces before the version", "GET /  HTTP/1.1\r\nHost: x\r\n\r\n", 400},
	{"space after the version", "GET / HTTP/1.1 \r\nHost: x\r\n\r\n", 400},
	{"tab for a space", "GET\t/ HTTP/1.1\r\nHost: x\r\n\r\n", 400},
	{"space in the target", "GET /a b HTTP/1.1\r\nHost: x\r\n\r\n", 400},
	{"space first", " GET / HTTP/1.1\r\nHost: x\r\n\r\n", 400},
	{"fragment", "GET /a#b HTTP/1.1\r\nHost: x\r\n\r\n", 400},
	{"NUL in the target", "GET /\x00 HTTP/1.1\r\nHost: x\r\n\r\n", 400},
	{"DEL in the target", "GET /\x7f HTTP/1.1\r\nHost: x\r\n\r\n", 400},
	{"method with a slash", "G/T / HTTP/1.1\r\nHost: x\r\n\r\n", 400},
	{"relative target", "GET a HTTP/1.1\r\nHost: x\r\n\r\n", 400},
	{"asterisk without OPTIONS", "GET * HTTP/1.1\r\nHost: x\r\n\r\n", 400},
	{"asterisk and more", "OPTIONS *a HTTP/1.1\r\nHost: x\r\n\r\n", 400},
	{"CONNECT", "CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n", 501},
	{"authority-form without CONNECT", "GET a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n", 400},
	{"ftp", "GET ftp://a/ HTTP/1.1\r\nHost: x\r\n\r\n", 400},
	{"absolute-form without a host", "GET http:///a HTTP/1.1\r\nHost: x\r\n\r\n", 400},
	{"absolute-form with a port alone", "GET http://:80/ HTTP/1.1\r\nHost: x\r\n\r\n", 400},
	{"absolute-form with a user", "GET http://u@a/ HTTP/1.1\r\nHost: x\r\n\r\n", 400},
	{"absolute-form without Host", "GET http://a/ HTTP/1.1\r\n\r\n", 400},
	{"no Host", "GET / HTTP/1.1\r\n\r\n", 400},
	{"two Hosts", "GET / HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n", 400},
	{"two Hosts in 1.0", "GET / HTTP/1.0\r\nHost: x\r\nHost: y\r\n\r\n", 400},
	{"Host with a path", "GET / HTTP/1.1\r\nHost: x/y\r\n\r\n", 400},
	{"Host with a user", "GET / HTTP/1.1\r\nHost: u@x\r\n\r\n", 400},
	{"Host with a space", "GET / HTTP/1.1\r\nHost: x y\r\n\r\n", 400},
	{"Host with a bad escape", "GET / HTTP/1.1\r\nHost: x%2\r\n\r\n", 400},
	{"Host with a bad port", "GET / HTTP/1.1\r\nHost: x:80a\r\n\r\n", 400},
	{"Host with a large port", "GET / HTTP/1.1\r\nHost: x:65536\r\n\r\n", 400},
	{"Host with a larger port", "GET / HTTP/1.1\r\nHost: x:000080\r\n\r\n", 400},
	{"Host with 8 bits", "GET / HTTP/1.1\r\nHost: \xe9\r\n\r\n", 400},
	{"Host with half a bracket", "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", 400},
	{"Host with something in brackets", "GET / HTTP/1.1\r\nHost: [x]\r\n\r\n", 400},
	{"Host with IPv4 in brackets", "GET / HTTP/1.1\r\nHost: [127.0.0.1]\r\n\r\n", 400},
	{"Host with a zone", "GET / HTTP/1.1\r\nHost: [fe80::1%eth0]\r\n\r\n", 400},
	{"Host with more behind the bracket", "GET / HTTP/1.1\r\nHost: [::1]x\r\n\r\n", 400},
	{"space before the colon", post + "A : b\r\n\r\n", 400},
	{"no colon", post + "A\r\n\r\n", 400},
	{"no name", post + ": b\r\n\r\n", 400},
	{"folded line", post + "A: b\r\n c\r\n\r\n", 400},
	{"folded with a tab", post + "A: b\r\n\tc\r\n\r\n", 400},
	{"white space before the first field", "GET / HTTP/1.1\r\n Host: x\r\n\r\n", 400},
	{"a line of white space", post + " \r\n\r\n", 400},
	{"NUL in a value", post + "A: b\x00\r\n\r\n", 400},
	{"NUL in a long value", post + "A: 01234567\x0089abcdef\r\n\r\n", 400},
	{"DEL in a long value", post + "A: 0123456789ab\x7fcdef\r\n\r\n", 400},
	{"vertical tab in a value", post + "Transfer-Encoding: \x0bchunked\r\n\r\n", 400},
	{"NUL in a name", post + "A\x00: b\r\n\r\n", 400},
	{"8 bits in a name", post + "\xe9: b\r\n\r\n", 400},
	{"Content-Length +3", post + "Content-Length: +3\r\n\r\n", 400},
	{"Content-Length -3", post + "Content-Length: -3\r\n\r\n", 400},
	{"Content-Length 0_3", post + "Content-Length: 0_3\r\n\r\n", 400},
	{"Content-Length 0x3", post + "Content-Length: 0x3\r\n\r\n", 400},
	{"Content-Length 3 3", post + "Content-Length: 3 3\r\n\r\n", 400},
	{"Content-Length 3.0", post + "Content-Length: 3.0\r\n\r\n", 400},
	{"empty Content-Length", post + "Content-Length:\r\n\r\n", 400},
	{"Content-Length overflows by one", post + "Content-Length: 9223372036854775808\r\n\r\n", 400},
	{"Content-Length overflows 64 bits", post + "Content-Length: 18446744073709551619\r\n\r\n", 400},
	{"Content-Length as a list", post + "Content-Length: 3, 3\r\n\r\n", 400},
	{"Content-Length twice", post + "Content-Length: 3\r\nContent-Length: 3\r\n\r\n", 400},
	{"Content-Length differs", post + "Content-Length: 0\r\nContent-Length: 3\r\n\r\n", 400},
	{"Content-Length before Transfer-Encoding", post + "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
	{"Content-Length after Transfer-Encoding", post + "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n", 400},
	{"Content-Length with another coding", post + "Transfer-Encoding: gzip\r\nContent-Length: 3\r\n\r\n", 400},
	{"Transfer-Encoding in 1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
	{"unknown coding", post + "Transfer-Encoding: gzip\r\n\r\n", 501},
	{"unknown coding, then chunked", post + "Transfer-Encoding: gzip, chunked\r\n\r\n", 501},
	{"unknown coding, then chunked in a second field", post + "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n", 501},
	{"identity", post + "Transfer-Encoding: identity\r\n\r\n", 501},
	{"chunked, then another", post + "Transfer-Encoding: chunked, gzip\r\n\r\n", 400},
	{"chunked, then another in a second field", post + "Transfer-Encoding: chunked\r\nTransfer-Encoding: gzip\r\n\r\n", 400},
	{"chunked twice", post + "Transfer-Encoding: chunked, chunked\r\n\r\n", 400},
	{"chunked in two fields", post + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
	{"chunked with a parameter", post + "Transfer-Encoding: chunked;q=1\r\n\r\n", 400},
	{"chunked in quotes", post + "Transfer-Encoding: \"chunked\"\r\n\r\n", 400},
	{"chunked and a comma", post + "Transfer-Encoding: chunked,\r\n\r\n", 400},
	{"empty Transfer-Encoding", post + "Transfer-Encoding:\r\n\r\n", 400},
	{"unknown expectation", post + "Expect: a miracle\r\n\r\n", 417},
	{"two expectations", post + "Expect: 100-continue, a miracle\r\n\r\n", 417},
}

// feed parses raw as it would come in reads of step bytes, each time from another buffer;
// the one before is overwritten.
func feed(r *Request, raw []byte, lim *Limits, step int) (n int, err error) {
	var last []byte
	for end := min(step, len(raw)); ; end = min(end+step, len(raw)) {
		buf := append(make([]byte, 0, end+end%3), raw[:end]...)
		n, err = r.Parse(buf, lim)
		for i := range last {
			last[i] = '!'
		}
		if last = buf; end == len(raw) || !errors.Is(err, ErrIncomplete) {
			return n, err
		}
	}
}

func status(err error) int {
	if bad, ok := errors.AsType[*Error](err); ok {
		return bad.Status
	}
	return 0
}

func TestParseAccepts(t *testing.T) {
	for _, tt := range accepted {
		t.Run(tt.name, func(t *testing.T) {
			for _, step := range []int{1, 3, 1 << 20} {
				var r Request
				n, err := feed(&r, []byte(tt.raw+"GET /next"), nil, step)
				if err != nil || n != len(tt.raw) {
					t.Fatalf("in steps of %d: %d, %v; want %d", step, n, err, len(tt.raw))
				}
				if got := shape(&r); got != tt.want {
					t.Errorf("in steps of %d:\n got %s\nwant %s", step, got, tt.want)
				}
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	for _, tt := range refused {
		t.Run(tt.name, func(t *testing.T) {
			for _, step := range []int{1, 3, 1 << 20} {
				var r Request
				if n, err := feed(&r, []byte(tt.raw), nil, step); n != 0 || status(err) != tt.status {
					t.Errorf("in steps of %d: %d, %v; want status %d", step, n, err, tt.status)
				}
			}
		})
	}
}

func TestParseWaits(t *testing.T) {
	for _, tt := range accepted {
		var r Request
		for n := range len(tt.raw) {
			r.Reset()
			if _, err := r.Parse([]byte(tt.raw)[:n], nil); !errors.Is(err, ErrIncomplete) {
				t.Fatalf("%s: %v after %q", tt.name, err, tt.raw[:n])
			}
		}
	}
}

func TestFieldsInOrder(t *testing.T) {
	raw := []byte("GET / HTTP/1.1\r\nB: 1\r\nHost:  x \r\na:\t2\t\r\nB:\r\n\r\n")
	want := "B=1 Host=x a=2 B= "
	for _, step := range []int{1, 1 << 20} {
		var r Request
		if _, err := feed(&r, raw, nil, step); err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, f := range r.Fields {
			got += fmt.Sprintf("%s=%s ", f.Name, f.Value)
		}
		if got != want {
			t.Errorf("in steps of %d: %q, want %q", step, got, want)
		}
	}
}

func TestPipelined(t *testing.T) {
	raw := []byte("GET /1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\nPOST /2 HTTP/1.1\r\nHost: y\r\nContent-Length: 1\r\n\r\n")
	var r Request
	n, err := r.Parse(raw, nil)
	if err != nil || string(r.Path) != "/1" || r.KeepAlive {
		t.Fatalf("first: %v, %s", err, shape(&r))
	}
	if _, err := r.Parse(raw[n:], nil); err != nil || shape(&r) != `POST /2? 1.1 host="y" length=1 keep-alive` {
		t.Errorf("second: %v, %s", err, shape(&r))
	}
}

func TestParseAfterRefusal(t *testing.T) {
	var r Request
	if _, err := r.Parse([]byte("GET / HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n"), nil); status(err) != 400 {
		t.Fatal(err)
	}
	if _, err := r.Parse([]byte("GET /2 HTTP/1.1\r\nHost: y\r\n\r\n"), nil); err != nil || len(r.Fields) != 1 {
		t.Errorf("%v, %s", err, shape(&r))
	}
}

func TestResetForgetsEverything(t *testing.T) {
	var fresh, used Request
	fresh.Reset()
	raw := "GET http://h/p?q HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n"
	if _, err := used.Parse([]byte(raw), nil); err != nil {
		t.Fatal(err)
	}
	used.Reset()
	if len(used.Fields) != 0 {
		t.Errorf("%d fields", len(used.Fields))
	}
	used.Fields = nil // its capacity is kept
	if !reflect.DeepEqual(fresh, used) {
		t.Errorf("%+v is left of %+v", used, fresh)
	}
}

func TestLimits(t *testing.T) {
	lim := Limits{Line: 30, Field: 20, Head: 100, Fields: 4}
	line := func(n int) string { return "GET /" + strings.Repeat("a", n-16) + " HTTP/1.1\r\n" }
	field := func(n int) string { return "A: " + strings.Repeat("b", n-5) + "\r\n" }
	const host = "Host: x\r\n" // 9 bytes
	for _, tt := range []struct {
		name, raw string
		want      int
	}{
		{"line just fits", line(30) + host + "\r\n", 0},
		{"line one too long", line(31) + host + "\r\n", 414},
		{"line without end", line(31)[:30], 414},
		{"field just fits", line(20) + host + field(20) + "\r\n", 0},
		{"field one too long", line(20) + host + field(21) + "\r\n", 431},
		{"field without end", line(20) + host + field(30)[:20], 431},
		{"head just fits", line(30) + host + field(20) + field(20) + field(19) + "\r\n", 0},
		{"head one too long", line(30) + host + field(20) + field(20) + field(20) + "\r\n", 431},
		{"fields just fit", line(20) + host + field(6) + field(6) + field(6) + "\r\n", 0},
		{"one field too many", line(20) + host + field(6) + field(6) + field(6) + field(6) + "\r\n", 431},
		{"one field too many begins", line(20) + host + field(6) + field(6) + field(6) + "A", 431},
		{"bare CR before the limit", "GET /\r" + strings.Repeat("a", 40), 400},
		{"bare CR behind the limit", "GET /" + strings.Repeat("a", 40) + "\rb", 414},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, step := range []int{1, 7, 1 << 20} {
				var r Request
				if _, err := feed(&r, []byte(tt.raw), &lim, step); errors.Is(err, ErrIncomplete) || status(err) != tt.want {
					t.Errorf("in steps of %d: %v, want %d", step, err, tt.want)
				}
			}
		})
	}
}

// TestDefaultLimits holds the promise of RFC 9112 §3.
func TestDefaultLimits(t *testing.T) {
	var r Request
	raw := "GET /" + strings.Repeat("a", 8000) + " HTTP/1.1\r\nHost: x\r\n\r\n"
	if _, err := r.Parse([]byte(raw), nil); err != nil {
		t.Error(err)
	}
}

// TestSlowClient: bytes that come one by one must not cost the square of their number.
// Bytes that were looked at become line ends: had Parse looked again, it would refuse them.
func TestSlowClient(t *testing.T) {
	raw := []byte("GET / HTTP/1.1\r\nHost: x\r\nA: " + strings.Repeat("b", 1000) + "\r\n\r\n")
	buf := bytes.Clone(raw)
	var r Request
	for n := 30; n < 1000; n++ {
		if _, err := r.Parse(buf[:n], nil); !errors.Is(err, ErrIncomplete) {
			t.Fatal(err)
		}
		buf[n-2] = '\n'
	}
	copy(buf, raw)
	if _, err := r.Parse(buf, nil); err != nil {
		t.Error(err)
	}
}

func TestValidValue(t *testing.T) {
	for c := range 256 {
		for n := range 20 {
			value := []byte(strings.Repeat("a", 20))
			value[n] = byte(c)
			want := c == '\t' || c >= 0x20 && c != 0x7f
			if got := validValue(value); got != want {
				t.Fatalf("%#x at %d: %v", c, n, got)
			}
		}
	}
}

func TestErrorText(t *testing.T) {
	if got, want := errMajor.Error(), "http1: 505 HTTP Version Not Supported: neither HTTP/1.0 nor HTTP/1.1 (RFC 9110 §15.6.6)"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

var (
	wrk     = []byte("GET /hello HTTP/1.1\r\nHost: x\r\n\r\n")
	browser = []byte(strings.ReplaceAll(`GET /shop/items?page=2&sort=price HTTP/1.1
Host: shop.example.com
Connection: keep-alive
Cache-Control: max-age=0
sec-ch-ua: "Chromium";v="124", "Google Chrome";v="124", "Not-A.Brand";v="99"
sec-ch-ua-mobile: ?0
sec-ch-ua-platform: "Linux"
Upgrade-Insecure-Requests: 1
User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/124.0.0.0 Safari/537.36
Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8
Sec-Fetch-Site: same-origin
Sec-Fetch-Mode: navigate
Sec-Fetch-Dest: document
Referer: https://shop.example.com/shop/items?page=1
Accept-Encoding: gzip, deflate, br, zstd
Accept-Language: en-US,en;q=0.9,de;q=0.8
Cookie: session=eyJhbGciOiJIUzI1NiJ9.eyJ1IjoxfQ.c2lnbmF0dXJl; csrftoken=0123456789abcdef

`, "\n", "\r\n"))
)

func TestParseAllocatesNothing(t *testing.T) {
	var r Request
	for _, raw := range [][]byte{wrk, browser, []byte(post + "Content-Length: x\r\n\r\n"), wrk[:20]} {
		parse := func() { r.Reset(); _, _ = r.Parse(raw, nil) }
		parse() // makes room for the fields
		if n := testing.AllocsPerRun(100, parse); n != 0 {
			t.Errorf("%v allocations for %q", n, raw)
		}
	}
}

func benchmarkParse(b *testing.B, raw []byte) {
	var r Request
	b.ReportAllocs()
	b.SetBytes(int64(len(raw)))
	for b.Loop() {
		if _, err := r.Parse(raw, &DefaultLimits); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParseWrk(b *testing.B)     { benchmarkParse(b, wrk) }
func BenchmarkParseBrowser(b *testing.B) { benchmarkParse(b, browser) }
