package conn

import (
	"bytes"
	"errors"
	"strconv"
	"syscall"
	"time"

	"wsgimatrix/servers/internal/cpython"
	"wsgimatrix/servers/internal/environ"
	"wsgimatrix/servers/internal/http1"
)

const (
	chunksPerStep = 16    // then others get their turn
	copyMax       = 16384 // a longer chunk is sent from where it lies
)

// respond sends what the step of the application brought.
func (c *Conn) respond(w *Worker) Want {
	s := &c.x.Step
	switch s.Kind() {
	case cpython.Failed:
		return c.appFailed(w, s)
	case cpython.End:
		return c.sendEnd(w, s)
	default:
		return c.sendChunk(w, s)
	}
}

func (c *Conn) appFailed(w *Worker, s *cpython.Step) Want {
	if s.Sent() {
		return c.abort(w)
	}
	return c.refuse(w, 500)
}

// abort closes without the end that the framing asks for, so that the client can tell
// (RFC 9112 §8).
func (c *Conn) abort(w *Worker) Want {
	c.keepAlive = false
	if c.flush(w) == Write {
		c.phase = (*Conn).afterwards
		return Write
	}
	return c.Close(w)
}

func (c *Conn) sendChunk(w *Worker, s *cpython.Step) Want {
	out := w.out[:0]
	if !s.Sent() {
		out = c.appendHead(out, s)
	}
	chunk := c.cut(s.Chunk())
	if len(chunk) == 0 && c.x.Open() {
		c.abandon(w) // HEAD, 204, or the Content-Length is reached: nothing more is to be sent
	}
	if s.Kind() == cpython.Whole && c.left > 0 && !c.bodyless {
		c.tooShort()
	}
	tail := ""
	if c.chunked && len(chunk) > 0 {
		out = http1.AppendChunkHead(out, len(chunk))
		tail = "\r\n"
	}
	if len(chunk) <= copyMax {
		out = append(append(out, chunk...), tail...)
		chunk, tail = nil, ""
	}
	w.out = out
	want := c.transmit(w, out, chunk, tail)
	if len(c.ext) > 0 && s.Kind() == cpython.Whole { // its memory lasts until the next request
		err := c.queue(c.ext)
		if c.ext = nil; err != nil {
			return c.Close(w)
		}
	}
	return want
}

func (c *Conn) abandon(w *Worker) {
	w.enter()
	c.x.Abandon()
	w.leave()
}

// sendEnd ends the response: the application gives no more.
func (c *Conn) sendEnd(w *Worker, s *cpython.Step) Want {
	out := w.out[:0]
	if !s.Sent() {
		out = c.appendHead(out, s)
	}
	if c.chunked && !c.bodyless {
		out = append(out, http1.LastChunk...)
	}
	if c.left > 0 && !c.bodyless {
		c.tooShort()
	}
	w.out = out
	return c.transmit(w, out, nil, "")
}

// tooShort: the client waits for bytes that never come, so the connection must end (C58).
func (c *Conn) tooShort() {
	c.cfg.Logf("the body is %d bytes shorter than its Content-Length: closing", c.left)
	c.keepAlive = false
}

// cut holds a chunk to the declared Content-Length (C57).
func (c *Conn) cut(chunk []byte) []byte {
	if c.bodyless {
		return nil
	}
	if c.left < 0 {
		return chunk
	}
	if int64(len(chunk)) > c.left {
		c.cfg.Logf("the body is longer than its Content-Length: cut")
		chunk = chunk[:c.left]
	}
	c.left -= int64(len(chunk))
	return chunk
}

// appendHead writes the head and settles the framing (RFC 9112 §6).
func (c *Conn) appendHead(dst []byte, s *cpython.Step) []byte {
	from := len(dst)
	c.frame(s)
	dst = append(dst, "HTTP/1.1 "...)
	dst = append(dst, s.Head()...)
	if !s.HasServer() {
		dst = append(dst, c.cfg.Server...)
	}
	if !s.HasDate() {
		dst = append(dst, "Date: "...)
		dst = append(http1.AppendDate(dst, time.Now()), "\r\n"...)
	}
	dst = c.appendFraming(dst, s)
	if !c.keepAlive {
		dst = append(dst, "Connection: close\r\n"...)
	} else if c.minor == 0 {
		dst = append(dst, "Connection: keep-alive\r\n"...)
	}
	dst = append(dst, "\r\n"...)
	c.trace('>', dst[from:])
	return dst
}

func (c *Conn) frame(s *cpython.Step) {
	status := s.Status()
	c.bodyless = c.head || status == 204 || status == 205 || status == 304
	c.left = s.Length()
	if status == 205 { // RFC 9110 §15.3.6: no content, and that is said
		c.left = 0
	}
	c.chunked = false
	switch {
	case c.left >= 0:
	case s.Kind() == cpython.Whole:
		c.left = int64(len(s.Chunk()))
	case c.bodyless:
	case s.Kind() == cpython.End:
		c.left = 0
	case c.minor == 0:
		c.keepAlive = false
	default:
		c.chunked = true
	}
}

func (c *Conn) appendFraming(dst []byte, s *cpython.Step) []byte {
	switch {
	case s.Status() == 204: // RFC 9110 §8.6: neither
	case c.left >= 0:
		dst = append(dst, "Content-Length: "...)
		dst = append(strconv.AppendInt(dst, c.left, 10), "\r\n"...)
	case c.chunked:
		dst = append(dst, "Transfer-Encoding: chunked\r\n"...)
	}
	return dst
}

// transmit sends out, ext and tail; what the socket does not take waits.
func (c *Conn) transmit(w *Worker, out, ext []byte, tail string) Want {
	c.phase = (*Conn).afterwards
	if !c.out.empty() {
		c.ext, c.tail = ext, tail
		if c.queue(out) != nil {
			return c.Close(w)
		}
		return proceed
	}
	if len(out) == 0 && len(ext) == 0 { // the end of a response whose bytes have all been sent
		return proceed
	}
	n, err := c.send(out, ext, tail)
	if err != nil {
		return c.Close(w)
	}
	taken := min(n, len(out))
	if c.queue(out[taken:]) != nil {
		return c.Close(w)
	}
	c.ext, c.tail = sent(ext, tail, n-taken)
	return proceed
}

// sent is what is left of ext and tail when n bytes of them are sent.
func sent(ext []byte, tail string, n int) ([]byte, string) {
	taken := min(n, len(ext))
	return ext[taken:], tail[min(n-taken, len(tail)):]
}

// queue keeps what the socket does not take yet.
func (c *Conn) queue(data []byte) error {
	err := c.out.add(data)
	if err != nil {
		c.cfg.Logf("keeping what a slow client has not read yet: %v", err)
	}
	return err
}

func (c *Conn) send(out, ext []byte, tail string) (int, error) {
	var n int
	var err error
	if len(ext) == 0 && tail == "" {
		n, err = send(c.FD, out)
	} else {
		n, err = sendv(c.FD, out, ext, tail)
	}
	if errors.Is(err, syscall.EAGAIN) {
		return 0, nil
	}
	return n, err
}

// flush sends what waits.
func (c *Conn) flush(w *Worker) Want {
	for !c.out.empty() || len(c.ext) > 0 || c.tail != "" {
		n, err := c.sendWaiting()
		if err != nil {
			return c.Close(w)
		}
		if n == 0 {
			c.waitRoom()
			return Write
		}
		c.waits = nothing // the next wait has its own time
	}
	return proceed
}

// sendWaiting sends once of what waits; 0: the socket takes nothing.
func (c *Conn) sendWaiting() (n int, err error) {
	if c.out.empty() {
		n, err = c.send(nil, c.ext, c.tail)
		c.ext, c.tail = sent(c.ext, c.tail, n)
		return n, err
	}
	queued, err := c.out.peek()
	if err != nil {
		c.cfg.Logf("reading back a response: %v", err)
		return 0, err
	}
	n, err = c.send(queued, nil, "")
	c.out.consume(n)
	return n, err
}

func (c *Conn) waitRoom() {
	if c.waits != room {
		c.wait(room)
	}
}

// afterwards: when all is sent, the response goes on, or the next request is read.
func (c *Conn) afterwards(w *Worker) Want {
	if want := c.flush(w); want != proceed {
		return want
	}
	if !c.x.Open() {
		return c.finish(w)
	}
	if w.budget--; w.budget < 0 {
		c.waitRoom()
		return Turn
	}
	w.enter()
	c.x.Next()
	w.leave()
	if c.gone {
		return c.Close(w)
	}
	return c.respond(w)
}

func (c *Conn) finish(w *Worker) Want {
	c.phase = (*Conn).readHead
	if !c.keepAlive {
		return c.linger(w)
	}
	c.wait(nextByte)
	if len(c.in) == 0 && !w.Draining {
		return Read
	}
	if w.budget--; w.budget < 0 {
		return Turn
	}
	return proceed
}

// refuseError answers an error of the protocol.
func (c *Conn) refuseError(w *Worker, err error) Want {
	if errors.Is(err, environ.ErrNotMounted) {
		return c.refuse(w, 404)
	}
	var bad *http1.Error
	if errors.As(err, &bad) {
		c.trace('!', []byte(bad.Reason))
		return c.refuse(w, bad.Status)
	}
	c.cfg.Logf("%v", err)
	return c.refuse(w, 500)
}

// refuse sends a response of the server's own and closes.
func (c *Conn) refuse(w *Worker, status int) Want {
	c.body.drop()
	c.pairs = nil
	c.in = nil
	c.keepAlive = false
	out := http1.AppendError(w.out[:0], status, time.Now(), c.head)
	w.out = out
	head, _, _ := bytes.Cut(out, []byte("\r\n\r\n"))
	c.trace('>', head)
	return c.transmit(w, out, nil, "")
}

// linger closes so that the client can read the response even if it is still sending: a
// socket closed with bytes unread answers with a reset (RFC 9112 §9.6).
func (c *Conn) linger(w *Worker) Want {
	if syscall.Shutdown(c.FD, syscall.SHUT_WR) != nil {
		return c.Close(w)
	}
	c.wait(clientsEnd)
	c.in, c.left = nil, 0
	c.phase = (*Conn).discard
	return proceed
}

const (
	lingerTime = 2 * time.Second
	lingerMax  = 1 << 20
)

func (c *Conn) discard(w *Worker) Want {
	for {
		n, err := recv(c.FD, w.in[:])
		if errors.Is(err, syscall.EAGAIN) && !c.last {
			return Read
		}
		c.left += int64(n)
		if err != nil || n == 0 || c.left > lingerMax {
			return c.Close(w)
		}
	}
}
