package conn

import (
	"errors"
	"io"
	"syscall"
	"time"

	"wsgimatrix/servers/internal/cpython"
	"wsgimatrix/servers/internal/environ"
	"wsgimatrix/servers/internal/http1"
)

// Want is what a connection waits for after a step.
type Want int

// What a connection may wait for.
const (
	Read   Want = iota // bytes from the client
	Write              // room in the socket
	Turn               // nothing: it let others go first
	Closed             // nothing more: the socket is closed
)

// Config is what all connections of a server share.
type Config struct {
	HTTP       http1.Limits
	MaxBody    int64 // bytes of a request body; more is refused with 413
	Server     string
	ScriptName string

	Idle  time.Duration // between requests
	Head  time.Duration // for a whole request head
	Body  time.Duration // between two reads of a body
	Send  time.Duration // between two writes that the client took
	Trace io.Writer     // each head, line by line; nil: none
	Logf  func(format string, args ...any)
}

// Conn is one connection. It belongs to one thread at a time.
type Conn struct {
	FD   int
	cfg  *Config
	peer environ.Peer
	slot uint32

	phase    func(*Conn, *Worker) Want
	waits    waiting
	deadline time.Time // of what it waits for

	in    []byte // received and not consumed
	stale bool   // in was parsed already and is incomplete
	req   http1.Request
	body  body
	pairs []byte // the environ, while the body is still arriving

	x         cpython.Exchange
	out       queue  // to be sent, before ext
	ext       []byte // a chunk in C memory, to be sent
	tail      string // to be sent after ext
	left      int64  // of the declared Content-Length; -1: not declared
	head      bool   // the request is a HEAD
	minor     int
	chunked   bool
	bodyless  bool
	keepAlive bool
	last      bool // the request is whole, and the client said that it is its last
	gone      bool // a write failed
}

// waiting is what the deadline of a connection is about.
type waiting uint8

const (
	nothing    waiting = iota // the application is at work
	firstByte                 // of a new connection
	nextByte                  // of the next request
	wholeHead                 // a part has come
	moreBody                  // between two pieces of it
	room                      // in the socket
	clientsEnd                // so that the response is not lost
)

// New takes over a connected, non-blocking socket.
func New(fd int, peer environ.Peer, cfg *Config) *Conn {
	c := &Conn{FD: fd, cfg: cfg, peer: peer, phase: (*Conn).readHead}
	c.slot = register(c)
	c.wait(firstByte)
	return c
}

// proceed, returned by a phase, means: go on with the phase that is set now.
const proceed Want = -1

// Step goes on until the connection has to wait. It is called with the GIL held.
func (c *Conn) Step(w *Worker) Want {
	w.budget = chunksPerStep
	for c.FD >= 0 {
		if want := c.phase(c, w); want != proceed {
			return want
		}
	}
	return Closed
}

// Open tells that the application's response may have more steps: they are owed to the thread
// that began it.
func (c *Conn) Open() bool { return c.x.Open() }

// Idle tells that nothing was asked yet, or all that was asked is answered.
func (c *Conn) Idle() bool { return c.waits == firstByte || c.waits == nextByte }

// BetweenRequests tells that a request was answered, and nothing of the next has come.
func (c *Conn) BetweenRequests() bool { return c.waits == nextByte && len(c.in) == 0 }

// Deadline is when Expire is due.
func (c *Conn) Deadline() time.Time { return c.deadline }

// wait begins a wait.
func (c *Conn) wait(what waiting) {
	c.waits = what
	c.renew()
}

// renew gives the client the whole time again: it did something.
func (c *Conn) renew() { c.deadline = time.Now().Add(c.patience()) }

func (c *Conn) patience() time.Duration {
	switch c.waits {
	case nextByte:
		return c.cfg.Idle
	case moreBody:
		return c.cfg.Body
	case room:
		return c.cfg.Send
	case clientsEnd:
		return lingerTime
	default:
		return c.cfg.Head
	}
}

// Expire ends a connection whose deadline has passed. A request that was begun is answered
// with 408 (RFC 9110 §15.5.9).
func (c *Conn) Expire(w *Worker) Want {
	switch c.waits {
	case wholeHead:
		c.head = false
		c.refuse(w, 408)
	case moreBody:
		c.refuse(w, 408)
	default:
		return c.Close(w)
	}
	return c.Step(w)
}

// Close ends the connection and whatever response was under way.
func (c *Conn) Close(w *Worker) Want {
	if c.FD < 0 {
		return Closed
	}
	c.ext = nil
	if c.x.Open() {
		c.abandon(w)
	}
	c.body.drop()
	c.out.drop()
	unregister(c)
	syscall.Close(c.FD) //nolint:errcheck,gosec // nothing is left to do about it
	c.FD = -1
	return Closed
}

// receive reads once. The bytes are c.in, or w.in where nothing was left over.
func (c *Conn) receive(w *Worker) ([]byte, Want) {
	buf := w.in[:]
	if len(c.in) > 0 {
		c.in = grown(c.in)
		buf = c.in[len(c.in):cap(c.in)]
	}
	n, err := recv(c.FD, buf)
	switch {
	case errors.Is(err, syscall.EAGAIN):
		return nil, Read
	case err != nil || n == 0:
		return nil, c.Close(w)
	case len(c.in) > 0:
		c.in = c.in[:len(c.in)+n]
		return c.in, proceed
	}
	return buf[:n], proceed
}

func grown(b []byte) []byte {
	if cap(b)-len(b) >= 4096 {
		return b
	}
	return append(make([]byte, 0, 2*cap(b)+8192), b...)
}

// keep owns the bytes that were not consumed.
func (c *Conn) keep(rest []byte) {
	if len(rest) == 0 && cap(c.in) > 1<<16 {
		c.in = nil
		return
	}
	c.in = append(c.in[:0], rest...)
}

func (c *Conn) readHead(w *Worker) Want {
	data := c.in
	if len(data) == 0 || c.stale {
		got, want := c.receive(w)
		if want == Read && w.Draining && len(data) == 0 {
			return c.drain(w)
		}
		if want != proceed {
			return want
		}
		data = got
	}
	n, err := c.req.Parse(data, &c.cfg.HTTP)
	if errors.Is(err, http1.ErrIncomplete) {
		return c.incomplete(data)
	}
	if err != nil {
		c.head = false
		c.traceRefused(data)
		return c.refuseError(w, err)
	}
	c.stale = false
	return c.request(w, data, n)
}

// drain: the server is ending, and nothing was asked. A client that has just connected may
// have sent its request already; one that was answered knows that connections end
// (RFC 9112 §9.5).
func (c *Conn) drain(w *Worker) Want {
	if c.waits != firstByte {
		return c.Close(w)
	}
	if soon := time.Now().Add(drainTime); soon.Before(c.deadline) {
		c.deadline = soon
	}
	return Read
}

const drainTime = time.Second

func (c *Conn) incomplete(data []byte) Want {
	if c.waits != wholeHead {
		c.wait(wholeHead)
	}
	if len(c.in) == 0 {
		c.keep(data)
	}
	c.stale = true
	return Read
}

// request has a head of n bytes in data; a body may follow.
func (c *Conn) request(w *Worker, data []byte, n int) Want {
	r := &c.req
	c.trace('<', data[:n])
	c.waits = nothing
	c.minor, c.keepAlive = r.Minor, r.KeepAlive
	c.head = string(r.Method) == "HEAD"
	pairs, err := w.env.Append(w.pairs[:0], r, &c.peer, r.ContentLength)
	if err != nil {
		return c.refuseError(w, err)
	}
	w.pairs = pairs
	rest := data[n:]
	if r.ContentLength > c.cfg.MaxBody {
		return c.refuse(w, 413)
	}
	if !r.Chunked && int64(len(rest)) >= max(r.ContentLength, 0) {
		size := max(int(r.ContentLength), 0)
		return c.complete(w, rest, size, pairs)
	}
	return c.awaitBody(w, rest, pairs)
}

// complete has a body that lies before the rest in one buffer.
func (c *Conn) complete(w *Worker, rest []byte, size int, pairs []byte) Want {
	c.req.Reset()
	return c.call(w, pairs, rest[:size], -1, rest[size:])
}

// call gives a whole request to the application, and its first step to the client. The rest
// are bytes of the next request.
func (c *Conn) call(w *Worker, pairs, body []byte, bodyFD int, rest []byte) Want {
	c.last = !c.keepAlive
	c.keepAlive = c.keepAlive && !w.Draining
	w.enter()
	c.x.Begin(pairs, body, bodyFD, c.slot)
	w.leave()
	c.keep(rest)
	return c.respond(w)
}

func (c *Conn) awaitBody(w *Worker, rest, pairs []byte) Want {
	c.pairs = append([]byte(nil), pairs...)
	c.body.start(c.req.ContentLength, c.req.Chunked)
	if c.req.ExpectContinue && len(rest) == 0 {
		c.trace('>', []byte(http1.Continue))
		if c.queue([]byte(http1.Continue)) != nil {
			return c.Close(w)
		}
	}
	c.wait(moreBody)
	c.keep(rest)
	c.req.Reset()
	c.phase = (*Conn).readBody
	if len(rest) > 0 {
		return c.feed(w, c.in)
	}
	return proceed
}

func (c *Conn) readBody(w *Worker) Want {
	if want := c.flush(w); want != proceed { // the 100 Continue
		return want
	}
	if c.waits != moreBody {
		c.wait(moreBody)
	}
	data, want := c.receive(w)
	if want != proceed {
		return want
	}
	c.renew()
	return c.feed(w, data)
}

// feed gives received bytes to the body; with its last byte the application is called.
func (c *Conn) feed(w *Worker, data []byte) Want {
	n, done, err := c.body.feed(data, c.cfg.MaxBody)
	if err != nil {
		return c.refuseError(w, err)
	}
	if !done {
		c.in = c.in[:0] // all of it was taken
		return proceed
	}
	pairs := c.pairs
	if c.body.chunked {
		pairs = environ.AppendLength(pairs, c.body.size)
	}
	c.pairs = nil
	c.waits = nothing
	c.phase = (*Conn).readHead
	mem, fd := c.body.take()
	return c.call(w, pairs, mem, fd, data[n:])
}
