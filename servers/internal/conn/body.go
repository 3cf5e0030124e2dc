package conn

import (
	"os"

	"wsgimatrix/servers/internal/http1"
)

// spillAt is how much of a body, or of a queue, is held in memory; more goes to a file.
const spillAt = 512 << 10

// body collects a request body before the application is called, so that a slow client holds
// a connection and never a thread.
type body struct {
	size    int64 // so far
	want    int64 // the declared length; -1: chunked
	chunked bool
	decoder http1.Chunked
	mem     []byte
	file    *os.File
}

func (b *body) start(length int64, chunked bool) {
	*b = body{want: length, chunked: chunked, mem: b.mem[:0]}
	if chunked {
		b.want = -1
	}
}

// feed consumes n bytes of data; done: the body is whole.
func (b *body) feed(data []byte, limit int64) (n int, done bool, err error) {
	if !b.chunked {
		n = int(min(int64(len(data)), b.want-b.size))
		err = b.add(data[:n])
		return n, b.size == b.want, err
	}
	for n < len(data) && !done && err == nil {
		var part []byte
		var used int
		part, used, done, err = b.decoder.Next(data[n:])
		if err == nil {
			err = b.add(part)
		}
		if b.size > limit {
			err = &http1.Error{Status: 413, Reason: "the body is too large"}
		}
		if used == 0 && !done {
			break
		}
		n += used
	}
	return n, done, err
}

func (b *body) add(data []byte) error {
	b.size += int64(len(data))
	if b.file == nil && b.size <= spillAt {
		b.mem = append(b.mem, data...)
		return nil
	}
	if b.file == nil {
		if err := b.spill(); err != nil {
			return err
		}
	}
	_, err := b.file.Write(data)
	return err
}

func (b *body) spill() error {
	file, err := unlinked()
	if err != nil {
		return err
	}
	b.file = file
	_, err = file.Write(b.mem)
	b.mem = nil
	return err
}

// take gives the body away: bytes, or a file at its start that the taker closes.
func (b *body) take() (mem []byte, fd int) {
	if b.file == nil {
		mem = b.mem
		if cap(b.mem) > 65536 {
			b.mem = nil
		}
		return mem, -1
	}
	fd = rewound(b.file)
	b.file = nil
	return nil, fd
}

func (b *body) drop() {
	if b.file != nil {
		b.file.Close() //nolint:errcheck,gosec // an unlinked file
		b.file = nil
	}
	b.mem = nil
}

// queue holds response bytes that write() gave and the socket did not take yet: in memory, then
// in a file.
type queue struct {
	mem  []byte
	off  int
	file *os.File
	from int64 // read so far
	size int64
}

func (q *queue) empty() bool { return q.off == len(q.mem) && q.file == nil }

// add appends data. After an error the queue is of no use any more.
func (q *queue) add(data []byte) (err error) {
	if len(data) == 0 {
		return nil
	}
	if q.file == nil && len(q.mem)-q.off+len(data) > spillAt {
		if q.file, err = unlinked(); err != nil {
			return err
		}
	}
	if q.file != nil {
		_, err = q.file.WriteAt(data, q.size)
		q.size += int64(len(data))
		return err
	}
	if len(q.mem)+len(data) > cap(q.mem) {
		q.mem, q.off = q.mem[:copy(q.mem, q.mem[q.off:])], 0
	}
	q.mem = append(q.mem, data...)
	return nil
}

// peek returns bytes to be sent next.
func (q *queue) peek() ([]byte, error) {
	if q.off < len(q.mem) || q.file == nil {
		return q.mem[q.off:], nil
	}
	buf := make([]byte, min(65536, q.size-q.from))
	n, err := q.file.ReadAt(buf, q.from)
	if n > 0 {
		err = nil
	}
	q.mem, q.off = buf[:n], 0
	if q.from += int64(n); q.from == q.size {
		q.file.Close() //nolint:errcheck,gosec // an unlinked file
		q.file, q.from, q.size = nil, 0, 0
	}
	return q.mem, err
}

func (q *queue) consume(n int) {
	if q.off += n; q.off == len(q.mem) {
		q.mem, q.off = q.mem[:0], 0
		if cap(q.mem) > 65536 {
			q.mem = nil
		}
	}
}

func (q *queue) drop() {
	if q.file != nil {
		q.file.Close() //nolint:errcheck,gosec // an unlinked file
	}
	*q = queue{}
}
