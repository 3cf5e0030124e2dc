package http1

import "math"

// What the framing of a chunked body may cost at most.
const (
	maxSizeLine = 4096  // bytes of a chunk's size and extensions
	maxTrailers = 8192  // bytes of the whole trailer section
	maxExcess   = 16384 // bytes of framing beyond what the data in the chunks accounts for
	maxDigits   = 16    // of a chunk's size
)

// Chunked decodes a chunked body (RFC 9112 §7.1). Its zero value is ready. Extensions and
// trailers are checked, bounded and dropped.
type Chunked struct {
	state  chunkState
	size   int64 // of the chunk; in its data: what is left of it
	digits int   // of the size, so far
	line   int   // bytes of the size line, or of the trailer section, so far
	excess int64
}

type chunkState uint8

const (
	chunkSize chunkState = iota
	chunkBlank
	chunkExt
	chunkSizeLF
	chunkData
	chunkDataCR
	chunkDataLF
	trailerStart
	trailerName
	trailerValue
	trailerLF
	trailerEnd
	chunkedOver
)

// Next takes n bytes of src, and finds at most one piece of the body in them: data, a part
// of src. Without data, all of src is taken: more must come. It is done when the trailer
// section has been read; what stands behind it in src is not the body's.
func (c *Chunked) Next(src []byte) (data []byte, n int, done bool, err error) {
	for n < len(src) && c.state != chunkedOver {
		if c.state == chunkData {
			data = c.take(src[n:])
			return data, n + len(data), false, nil
		}
		if bad := c.step(src[n]); bad != nil {
			return nil, n, false, bad
		}
		n++
	}
	return nil, n, c.state == chunkedOver, nil
}

func (c *Chunked) take(src []byte) []byte {
	k := min(int64(len(src)), c.size)
	c.size -= k
	if c.size == 0 {
		c.state = chunkDataCR
	}
	return src[:k]
}

// step takes one byte of the framing.
func (c *Chunked) step(b byte) *Error {
	switch c.state {
	case chunkSize, chunkBlank, chunkExt, chunkSizeLF:
		return c.stepSize(b)
	case chunkDataCR:
		return c.expect(b, '\r', chunkDataLF, errChunkEnd)
	case chunkDataLF:
		return c.expect(b, '\n', chunkSize, errChunkEnd)
	}
	return c.stepTrailer(b)
}

func (c *Chunked) expect(b, want byte, next chunkState, bad *Error) *Error {
	if b != want {
		return bad
	}
	c.state = next
	return nil
}

func (c *Chunked) stepSize(b byte) *Error {
	if c.line++; c.line > maxSizeLine {
		return errChunkLong
	}
	switch c.state {
	case chunkSize:
		return c.addDigit(b)
	case chunkSizeLF:
		if b != '\n' {
			return errBareCR
		}
		return c.beginChunk()
	case chunkBlank: // bad white space, RFC 9112 §7.1.1: before a semicolon and nowhere else
		if b != ';' && !isBlank(b) {
			return errChunkSize
		}
	}
	switch {
	case b == '\r':
		c.state = chunkSizeLF
	case classes[b]&classValue == 0:
		return errChunkExt
	case b == ';':
		c.state = chunkExt
	}
	return nil
}

func (c *Chunked) addDigit(b byte) *Error {
	if d := hexDigit(b); d >= 0 {
		if c.digits == maxDigits || c.size > math.MaxInt64>>4 {
			return errChunkBig
		}
		c.digits++
		c.size = c.size<<4 | int64(d)
		return nil
	}
	if c.digits == 0 {
		return errChunkSize
	}
	switch {
	case b == '\r':
		c.state = chunkSizeLF
	case b == ';':
		c.state = chunkExt
	case isBlank(b):
		c.state = chunkBlank
	default:
		return errChunkSize
	}
	return nil
}

// beginChunk also weighs framing against data, as net/http does: a client may send single
// bytes, 16 bytes of framing around each, but not kilobytes of extensions around each.
func (c *Chunked) beginChunk() *Error {
	c.excess += int64(c.line)
	c.excess = max(0, c.excess-16-2*min(c.size, math.MaxInt32))
	if c.excess > maxExcess {
		return errChunkLong
	}
	c.line, c.digits = 0, 0
	c.state = chunkData
	if c.size == 0 {
		c.state = trailerStart
	}
	return nil
}

func (c *Chunked) stepTrailer(b byte) *Error {
	if c.line++; c.line > maxTrailers {
		return errTrailerLong
	}
	switch c.state {
	case trailerStart:
		return c.beginTrailer(b)
	case trailerName:
		return c.nameTrailer(b)
	case trailerLF:
		return c.expect(b, '\n', trailerStart, errBareCR)
	case trailerEnd:
		return c.expect(b, '\n', chunkedOver, errBareCR)
	}
	switch {
	case b == '\r':
		c.state = trailerLF
	case b == '\n':
		return errBareLF
	case classes[b]&classValue == 0:
		return errFieldValue
	}
	return nil
}

func (c *Chunked) beginTrailer(b byte) *Error {
	switch {
	case b == '\r':
		c.state = trailerEnd
	case isBlank(b):
		return errFold
	case classes[b]&classToken == 0:
		return errFieldName
	default:
		c.state = trailerName
	}
	return nil
}

func (c *Chunked) nameTrailer(b byte) *Error {
	switch {
	case b == ':':
		c.state = trailerValue
	case classes[b]&classToken == 0:
		return errFieldName
	}
	return nil
}
