package wire

import (
	"bytes"
	"strconv"
	"time"
)

// body reads the body, as its framing says.
func (p *parser) body() {
	if p.enough() {
		return
	}
	switch p.r.Framing {
	case Length:
		n, _ := contentLength(p.r.Values("Content-Length")[0])
		p.take(n)
	case Chunked:
		p.chunks()
	case ByClose:
		p.untilClose()
	}
}

// enough tells whether the caller needs no more.
func (p *parser) enough() bool {
	if p.want.Enough == nil || p.r.Code < 200 || !p.want.Enough(p.r) {
		return false
	}
	p.end = Enough
	return true
}

// take reads n bytes of body; false: they did not come, or are not needed.
func (p *parser) take(n int) bool {
	for n > 0 {
		if p.pos == len(p.data) && !p.more() {
			return false
		}
		n -= p.grow(min(n, len(p.data)-p.pos))
		if n > 0 && p.enough() {
			return false
		}
	}
	return true
}

// grow moves n bytes that are there into the body.
func (p *parser) grow(n int) int {
	offset := len(p.r.Body)
	p.in.pieces(p.pos, p.pos+n, func(n int, at time.Time) {
		p.r.Marks = append(p.r.Marks, Mark{offset, at})
		offset += n
	})
	p.r.Body = append(p.r.Body, p.data[p.pos:p.pos+n]...)
	p.pos += n
	return n
}

func (p *parser) untilClose() {
	for {
		p.grow(len(p.data) - p.pos)
		if p.enough() {
			return
		}
		if !p.more() {
			break
		}
	}
	if p.end == EOF {
		p.end = Complete
	}
}

// chunks reads a chunked body, RFC 9112 §7.1, and its trailers.
func (p *parser) chunks() {
	for {
		n, ok := p.chunkSize()
		if !ok {
			return
		}
		if n == 0 {
			p.head = p.pos
			p.fields(&p.r.Trailers)
			return
		}
		if !p.take(n) || !p.chunkEnd() || p.enough() {
			return
		}
	}
}

func (p *parser) chunkSize() (int, bool) {
	line, crlf, ok := p.line(maxLine)
	if !ok {
		if p.end == Long {
			p.fault("a chunk's size line is longer than %d bytes", maxLine)
		}
		return 0, false
	}
	size, _, extended := bytes.Cut(line, []byte(";"))
	if extended {
		size = bytes.TrimRight(size, " \t") // RFC 9112 §7.1.1: bad white space
	}
	n, err := strconv.ParseUint(string(size), 16, 31)
	if err != nil || !crlf || bytes.IndexByte(size, '_') >= 0 {
		p.malformed("not the size of a chunk: %s", quote(line))
		return 0, false
	}
	return int(n), true
}

func (p *parser) chunkEnd() bool {
	for len(p.data)-p.pos < 2 {
		if !p.more() {
			return false
		}
	}
	if end := p.data[p.pos : p.pos+2]; string(end) != "\r\n" {
		p.malformed("a chunk does not end with CRLF but with %s", quote(end))
		return false
	}
	p.pos += 2
	return true
}
