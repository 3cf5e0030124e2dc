package http1

import (
	"bytes"
	"errors"
	"io"
	"net/http/httputil"
	"regexp"
	"testing"
)

// tight limits let the fuzzer reach them.
var tight = Limits{Line: 40, Field: 30, Head: 120, Fields: 4}

func FuzzRequest(f *testing.F) {
	for _, tt := range accepted {
		f.Add([]byte(tt.raw))
	}
	for _, tt := range refused {
		f.Add([]byte(tt.raw))
	}
	f.Add(browser)
	f.Fuzz(func(t *testing.T, raw []byte) {
		_, _, _ = checkSteps(t, raw, &tight)
		if r, _, err := checkSteps(t, raw, &DefaultLimits); err == nil {
			checkAgain(t, r)
		}
	})
}

// checkSteps parses raw at once and in small reads: the verdict must be the same.
func checkSteps(t *testing.T, raw []byte, lim *Limits) (*Request, int, error) {
	var whole, parts Request
	n, err := whole.Parse(raw, lim)
	if n < 0 || n > len(raw) || (err != nil) != (n == 0) {
		t.Fatalf("%d of %d bytes, %v", n, len(raw), err)
	}
	m, err2 := feed(&parts, raw, lim, 1+len(raw)/200)
	if m != n || status(err2) != status(err) || errors.Is(err2, ErrIncomplete) != errors.Is(err, ErrIncomplete) {
		t.Fatalf("at once: %d, %v; in parts: %d, %v", n, err, m, err2)
	}
	if err == nil {
		sameRequest(t, &whole, &parts)
	}
	return &whole, n, err
}

func sameRequest(t *testing.T, a, b *Request) {
	if shape(a) != shape(b) || !bytes.Equal(a.Target, b.Target) || len(a.Fields) != len(b.Fields) {
		t.Fatalf("%s\n%s", shape(a), shape(b))
	}
	for i := range a.Fields {
		if !bytes.Equal(a.Fields[i].Name, b.Fields[i].Name) || !bytes.Equal(a.Fields[i].Value, b.Fields[i].Value) {
			t.Fatalf("field %d: %q, %q", i, a.Fields[i], b.Fields[i])
		}
	}
}

// checkAgain writes out what was understood, and expects it to be understood the same way.
func checkAgain(t *testing.T, r *Request) {
	raw := string(r.Method) + " " + string(r.Target) + " HTTP/1." + string(rune('0'+r.Minor)) + "\r\n"
	for _, f := range r.Fields {
		raw += string(f.Name) + ": " + string(f.Value) + "\r\n"
	}
	var again Request
	// What was left out is at most what is put in: one space a field.
	lim := Limits{Line: DefaultLimits.Line, Field: DefaultLimits.Field + 1, Head: DefaultLimits.Head + 256, Fields: DefaultLimits.Fields}
	if _, err := again.Parse([]byte(raw+"\r\n"), &lim); err != nil {
		t.Fatalf("%q: %v", raw, err)
	}
	sameRequest(t, r, &again)
}

var badWhiteSpace = regexp.MustCompile(`[ \t];`)

func FuzzChunked(f *testing.F) {
	for _, src := range []string{
		"0\r\n\r\n", "5\r\nhello\r\n0\r\n\r\n", "1;a=\"b\"\r\nx\r\n00\r\nA: b\r\n\r\nGET", "3 ;a\r\nabc\r\n0\r\n\r\n",
		"0x3\r\nabc\r\n", "ffffffffffffffff\r\n", "7fffffffffffffff\r\n", "3\nabc\n0\n\n", "3\r\nabc0\r\n\r\n", "0\r\nA: b\r\n c\r\n\r\n",
	} {
		f.Add([]byte(src), uint8(0))
		f.Add([]byte(src), uint8(2))
	}
	f.Fuzz(func(t *testing.T, src []byte, step uint8) {
		body, rest, done, err := decode(t, string(src), len(src)+1)
		body2, rest2, done2, err2 := decode(t, string(src), int(step)+1)
		if body != body2 || done != done2 || status(err) != status(err2) || done && rest != rest2 {
			t.Fatalf("at once: %q, %q, %v, %v; in parts: %q, %q, %v, %v", body, rest, done, err, body2, rest2, done2, err2)
		}
		if !done {
			return
		}
		if badWhiteSpace.Match(src) {
			return // RFC 9110 §5.6.3 has us read over it; net/http refuses it
		}
		theirs, err := io.ReadAll(httputil.NewChunkedReader(bytes.NewReader(src)))
		if err != nil || string(theirs) != body {
			t.Fatalf("%q; net/http: %q, %v", body, theirs, err)
		}
	})
}
