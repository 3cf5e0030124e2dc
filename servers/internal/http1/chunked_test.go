package http1

import (
	"strings"
	"testing"
)

// decode feeds src in reads of step bytes. It returns the body and what stands behind it.
func decode(t testing.TB, src string, step int) (body, rest string, done bool, err error) {
	t.Helper()
	var c Chunked
	var got []byte
	for left := []byte(src); len(left) > 0; {
		read := left[:min(step, len(left))]
		data, n, over, bad := c.Next(read)
		if n > len(read) || bad == nil && !over && len(data) == 0 && n < len(read) {
			t.Fatalf("Next took %d of %q and gave %q", n, read, data)
		}
		got, left = append(got, data...), left[n:]
		if over || bad != nil {
			return string(got), string(left), over, bad
		}
	}
	return string(got), "", false, nil
}

func TestChunkedDecodes(t *testing.T) {
	for _, tt := range []struct{ name, src, body string }{
		{"empty", "0\r\n\r\n", ""},
		{"one chunk", "5\r\nhello\r\n0\r\n\r\n", "hello"},
		{"three chunks", "1\r\na\r\n2\r\nbc\r\n00A\r\n0123456789\r\n000\r\n\r\n", "abc0123456789"},
		{"sixteen digits", "0000000000000001\r\na\r\n0\r\n\r\n", "a"},
		{"extensions", "1;a\r\nx\r\n1;a=b;c=\"d;e\"\r\ny\r\n0;end\r\n\r\n", "xy"},
		{"white space before an extension", "1 \t;a\r\nx\r\n0\r\n\r\n", "x"},
		{"trailers", "1\r\nx\r\n0\r\nA: b\r\nContent-Length: 3\r\nC:\r\n\r\n", "x"},
		{"line ends in the data", "4\r\n\r\n\r\n\r\n0\r\n\r\n", "\r\n\r\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, step := range []int{1, 2, 1 << 20} {
				const next = "GET / HTTP/1.1\r\n"
				body, rest, done, err := decode(t, tt.src+next, step)
				if err != nil || !done || body != tt.body || rest != next {
					t.Errorf("in steps of %d: %q, rest %q, done %v, %v", step, body, rest, done, err)
				}
			}
		})
	}
}

func TestChunkedRefuses(t *testing.T) {
	for _, tt := range []struct {
		name, src string
		status    int
	}{
		{"0x", "0x3\r\nabc\r\n0\r\n\r\n", 400},
		{"underscore", "1_0\r\n", 400},
		{"plus", "+3\r\nabc\r\n", 400},
		{"minus", "-3\r\n", 400},
		{"space first", " 3\r\nabc\r\n", 400},
		{"space last", "3 \r\nabc\r\n", 400},
		{"two sizes", "3 3\r\nabc\r\n", 400},
		{"no size", "\r\n", 400},
		{"no size but an extension", ";a\r\n", 400},
		{"no digit", "g\r\n", 400},
		{"8 bits", "\xb3\r\n", 400},
		{"overflow", "8000000000000000\r\n", 400},
		{"overflow to 3", "10000000000000003\r\nabc\r\n", 400},
		{"seventeen digits", "00000000000000003\r\nabc\r\n", 400},
		{"bare LF behind the size", "3\nabc\r\n", 400},
		{"bare CR behind the size", "3\rabc\r\n", 400},
		{"bare LF in an extension", "3;a\nabc\r\n", 400},
		{"bare CR in an extension", "3;a\rb\r\nabc\r\n", 400},
		{"NUL in an extension", "3;a\x00\r\nabc\r\n", 400},
		{"long extension", "3;" + strings.Repeat("a", maxSizeLine) + "\r\n", 400},
		{"many extensions", strings.Repeat("1;"+strings.Repeat("a", 100)+"\r\nx\r\n", 400), 400},
		{"no CRLF behind the data", "3\r\nabc0\r\n\r\n", 400},
		{"bare LF behind the data", "3\r\nabc\n0\r\n\r\n", 400},
		{"data longer than the chunk", "3\r\nabcd\r\n0\r\n\r\n", 400},
		{"data shorter than the chunk", "4\r\nabc\r\n0\r\n\r\n", 400},
		{"bare LF at the end", "0\r\n\n", 400},
		{"bare CR at the end", "0\r\n\rG", 400},
		{"bare LF behind a trailer", "0\r\nA: b\n\r\n", 400},
		{"bare CR in a trailer", "0\r\nA: b\rc\r\n\r\n", 400},
		{"trailer without a colon", "0\r\nA\r\n\r\n", 400},
		{"trailer without a name", "0\r\n: b\r\n\r\n", 400},
		{"folded trailer", "0\r\nA: b\r\n c\r\n\r\n", 400},
		{"space before a trailer's colon", "0\r\nA : b\r\n\r\n", 400},
		{"NUL in a trailer", "0\r\nA: \x00\r\n\r\n", 400},
		{"a request for a trailer", "0\r\nGET / HTTP/1.1\r\n\r\n", 400},
		{"long trailers", "0\r\n" + strings.Repeat("A: b\r\n", maxTrailers/6+1) + "\r\n", 431},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, step := range []int{1, 2, 1 << 20} {
				if body, _, done, err := decode(t, tt.src, step); done || status(err) != tt.status {
					t.Errorf("in steps of %d: %q, done %v, %v", step, body, done, err)
				}
			}
		})
	}
}

// TestChunkedWaits: no prefix of a body is a body, or wrong.
func TestChunkedWaits(t *testing.T) {
	const src = "5;a=b\r\nhello\r\n0\r\nA: b\r\n\r\n"
	for n := range len(src) {
		if _, _, done, err := decode(t, src[:n], 1<<20); done || err != nil {
			t.Errorf("%q: done %v, %v", src[:n], done, err)
		}
	}
}

func TestChunkedSingleBytes(t *testing.T) {
	src := strings.Repeat("1\r\nx\r\n", 100000) + LastChunk
	body, _, done, err := decode(t, src, 4096)
	if err != nil || !done || len(body) != 100000 {
		t.Errorf("%d bytes, done %v, %v", len(body), done, err)
	}
}

func TestChunkedStaysDone(t *testing.T) {
	var c Chunked
	for range 2 {
		if data, _, done, err := c.Next([]byte(LastChunk)); data != nil || !done || err != nil {
			t.Errorf("%q, %v, %v", data, done, err)
		}
	}
}

// TestChunkedDataIsNotCopied: data is where it was read to.
func TestChunkedDataIsNotCopied(t *testing.T) {
	src := []byte("3\r\nabc\r\n")
	var c Chunked
	if data, n, _, _ := c.Next(src); n != 6 || &data[0] != &src[3] {
		t.Errorf("%q, %d", data, n)
	}
}

func BenchmarkChunked(b *testing.B) {
	src := []byte(strings.Repeat("1000\r\n"+strings.Repeat("x", 4096)+"\r\n", 16) + LastChunk)
	b.SetBytes(int64(len(src)))
	b.ReportAllocs()
	for b.Loop() {
		var c Chunked
		for rest, done := src, false; !done; {
			_, n, over, err := c.Next(rest)
			if err != nil {
				b.Fatal(err)
			}
			rest, done = rest[n:], over
		}
	}
}
