package http1

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"strconv"
	"sync"
	"testing"
	"time"
)

func TestAppendDate(t *testing.T) {
	zone := time.FixedZone("", 3600)
	for _, now := range []time.Time{
		time.Date(1994, 11, 6, 9, 49, 37, 999, zone),
		time.Date(1994, 11, 6, 8, 49, 37, 0, time.UTC), // the same second
		time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
	} {
		want := "x" + now.UTC().Format(http.TimeFormat)
		if got := AppendDate([]byte("x"), now); string(got) != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestAppendDateConcurrently(t *testing.T) {
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			for second := range int64(1000) {
				now := time.Unix(second+int64(i%2), 0).UTC()
				if got := AppendDate(nil, now); string(got) != now.Format(http.TimeFormat) {
					t.Errorf("%q at %v", got, now)
					return
				}
			}
		})
	}
	group.Wait()
}

func TestAppendDateAllocatesNothing(t *testing.T) {
	now, buf := time.Now(), make([]byte, 0, 64)
	if n := testing.AllocsPerRun(100, func() { AppendDate(buf, now) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestAppendChunkHead(t *testing.T) {
	for n, want := range map[int]string{1: "1\r\n", 15: "f\r\n", 500: "1f4\r\n", 1 << 20: "100000\r\n"} {
		if got := AppendChunkHead([]byte("x"), n); string(got) != "x"+want {
			t.Errorf("%d: %q", n, got)
		}
	}
}

// TestAppendError reads the response as a client does.
func TestAppendError(t *testing.T) {
	now := time.Unix(1e9, 0)
	for _, method := range []string{"GET", "HEAD"} {
		raw := AppendError(nil, 431, now, method == "HEAD")
		rest := bufio.NewReader(bytes.NewReader(raw))
		resp, err := http.ReadResponse(rest, &http.Request{Method: method})
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		want := "431 Request Header Fields Too Large\n"
		if resp.Status+"\n" != want || !resp.Close || resp.Header.Get("Content-Length") != strconv.Itoa(len(want)) {
			t.Errorf("%s: %q", method, raw)
		}
		if resp.Header.Get("Date") != "Sun, 09 Sep 2001 01:46:40 GMT" || resp.Header.Get("Content-Type") != "text/plain; charset=utf-8" {
			t.Errorf("%s: %q", method, raw)
		}
		if method == "HEAD" {
			want = ""
		}
		if string(body) != want || rest.Buffered() != 0 {
			t.Errorf("%s: body %q, then %d bytes", method, body, rest.Buffered())
		}
	}
}

func TestContinue(t *testing.T) {
	resp, err := http.ReadResponse(bufio.NewReader(bytes.NewReader([]byte(Continue))), nil)
	if err != nil || resp.StatusCode != 100 {
		t.Errorf("%v, %v", resp, err)
	}
}

// TestStatusText holds the table against net/http's, which keeps some older names.
func TestStatusText(t *testing.T) {
	newer := map[int]string{
		413: "Content Too Large",     // RFC 9110 §15.5.14
		414: "URI Too Long",          // RFC 9110 §15.5.15
		416: "Range Not Satisfiable", // RFC 9110 §15.5.17
		422: "Unprocessable Content", // RFC 9110 §15.5.21
	}
	for code := range 1000 {
		want := http.StatusText(code)
		if text, ok := newer[code]; ok {
			want = text
		}
		if got := StatusText(code); got != want {
			t.Errorf("%d: %q, want %q", code, got, want)
		}
	}
}
