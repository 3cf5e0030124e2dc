package conn

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"testing"

	"wsgimatrix/servers/internal/http1"
)

// text is n bytes that do not repeat soon.
func text(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i * i >> 3)
	}
	return b
}

// taken reads what a body gives away.
func taken(t *testing.T, b *body) []byte {
	t.Helper()
	mem, fd := b.take()
	if fd < 0 {
		return mem
	}
	file := os.NewFile(uintptr(fd), "body")
	defer file.Close() //nolint:errcheck // it is read
	data, err := io.ReadAll(file)
	if err != nil || mem != nil {
		t.Fatalf("a body in a file: %v, and %d bytes in memory", err, len(mem))
	}
	return data
}

func TestBodyOfAnyLength(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	var b body // used again and again, as a connection does
	for _, size := range []int{0, 1, 4096, spillAt - 1, spillAt, spillAt + 1, 3 * spillAt, 5} {
		want := text(size)
		for _, piece := range []int{size + 10, 65536, 1000} {
			data := append(bytes.Clone(want), "next request"...)
			b.start(int64(size), false)
			for done := size == 0; !done; {
				n, over, err := b.feed(data[:min(piece, len(data))], 0)
				if err != nil {
					t.Fatal(err)
				}
				data, done = data[n:], over
			}
			if got := taken(t, &b); !bytes.Equal(got, want) || string(data) != "next request" {
				t.Errorf("%d bytes in pieces of %d: %d bytes, and %q is left", size, piece, len(got), data)
			}
		}
	}
	if left, _ := os.ReadDir(os.Getenv("TMPDIR")); len(left) > 0 { //nolint:errcheck // then it is empty
		t.Errorf("files are left: %v", left)
	}
}

func TestChunkedBody(t *testing.T) {
	var b body
	for _, piece := range []int{1, 3, 100} {
		data := []byte("3\r\nabc\r\n5;x=y\r\ndefgh\r\n0\r\nT: 1\r\n\r\nnext")
		b.start(-1, true)
		for done := false; !done; {
			n, over, err := b.feed(data[:min(piece, len(data))], 8)
			if err != nil {
				t.Fatal(err)
			}
			data, done = data[n:], over
		}
		if got := taken(t, &b); string(got) != "abcdefgh" || string(data) != "next" {
			t.Errorf("in pieces of %d: %q, and %q is left", piece, got, data)
		}
	}
}

func TestChunkedBodyTooLarge(t *testing.T) {
	var b body
	b.start(-1, true)
	_, _, err := b.feed([]byte("9\r\n123456789\r\n"), 8)
	var bad *http1.Error
	if !errors.As(err, &bad) || bad.Status != 413 {
		t.Errorf("error: %v", err)
	}
}

func TestBodyWithoutDisk(t *testing.T) {
	t.Setenv("TMPDIR", "/nowhere")
	var b body
	b.start(spillAt+1, false)
	if _, _, err := b.feed(text(spillAt+1), 0); err == nil {
		t.Error("no error")
	}
	b.drop()
}

// What goes in comes out, whatever the sizes, in memory or not.
func TestQueue(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	random := rand.New(rand.NewPCG(1, 2))
	var q queue
	var got bytes.Buffer
	data := text(8 * spillAt)
	for sent := 0; sent < len(data) || !q.empty(); {
		n := min(random.IntN(200000), len(data)-sent)
		if err := q.add(data[sent : sent+n]); err != nil {
			t.Fatal(err)
		}
		sent += n
		for take := random.IntN(150000); take > 0 && !q.empty(); {
			part, err := q.peek()
			if err != nil || len(part) == 0 {
				t.Fatalf("%d bytes, %v", len(part), err)
			}
			n := min(take, len(part))
			got.Write(part[:n])
			q.consume(n)
			take -= n
		}
		if len(q.mem) > spillAt+200000 {
			t.Fatalf("%d bytes in memory", len(q.mem))
		}
	}
	if !bytes.Equal(got.Bytes(), data) {
		t.Errorf("%d bytes came out of %d, or others", got.Len(), len(data))
	}
	q.drop()
}

// A reader that keeps up, but never wholly, costs no memory.
func TestQueueThatIsNeverEmpty(t *testing.T) {
	var q queue
	for range 10000 {
		if err := q.add(text(1000)); err != nil {
			t.Fatal(err)
		}
		if part, _ := q.peek(); len(part) > 1000 { //nolint:errcheck // it is in memory
			q.consume(1000)
		}
	}
	if cap(q.mem) > 16<<10 {
		t.Errorf("%d bytes for 1000", cap(q.mem))
	}
}

func TestQueueWithoutDisk(t *testing.T) {
	t.Setenv("TMPDIR", "/nowhere")
	var q queue
	if err := q.add(text(spillAt)); err != nil {
		t.Fatal(err)
	}
	if err := q.add([]byte{1}); err == nil {
		t.Error("no error")
	}
	q.drop()
}

func TestSent(t *testing.T) {
	for n, want := range map[int]string{0: "chunk|\r\n", 2: "unk|\r\n", 5: "|\r\n", 6: "|\n", 7: "|"} {
		ext, tail := sent([]byte("chunk"), "\r\n", n)
		if got := string(ext) + "|" + tail; got != want {
			t.Errorf("%d sent: %q is left, want %q", n, got, want)
		}
	}
}
