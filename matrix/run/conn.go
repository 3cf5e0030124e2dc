package run

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"wsgimatrix/matrix/golden"
	"wsgimatrix/matrix/wire"
)

// conn is a connection of a case: one TCP connection after another, where the server says
// that it closes one and more is to be sent.
type conn struct {
	dial func() (*wire.Conn, error)
	tcp  *wire.Conn // nil while there is none

	stream   []byte  // what was sent on this TCP connection
	pieces   []piece // of the stream, by the step that sent them
	requests []golden.Request
	answered int // of the requests, by a response that is not interim

	served    bool   // a response has come on this TCP connection
	closing   bool   // the server has said that it closes, or the client asked it to
	left      bool   // the rest of a response is left unread
	continued bool   // a 100 Continue has come for the request under way
	note      string // what went wrong in sending: it counts if no proper answer comes
	last      *exchange
}

// piece is what one step added to the stream.
type piece struct {
	start, end int
	step       *golden.Step
}

// send adds to the stream. After a close that was announced it opens a new connection.
func (c *conn) send(ctx context.Context, data []byte, step *golden.Step) error {
	if c.closing && c.belated(step) {
		c.record(data, step)
		return nil
	}
	if c.closing {
		if err := c.reopen(ctx); err != nil {
			return err
		}
	}
	if err := c.open(); err != nil {
		return err
	}
	c.record(data, step)
	return c.transmit(ctx, data)
}

// belated tells whether a send continues a request that was answered for good before it was whole.
func (c *conn) belated(step *golden.Step) bool {
	return step.More && c.answered > 0 && !c.requests[c.answered-1].Complete
}

func (c *conn) open() error {
	if c.tcp != nil {
		return nil
	}
	tcp, err := c.dial()
	if err != nil {
		return fmt.Errorf("%w: %w", errConnect, err)
	}
	*c = conn{dial: c.dial, tcp: tcp, last: c.last}
	return nil
}

var errConnect = errors.New("cannot connect")

// absent says why there is no connection.
func (c *conn) absent() string {
	if c.note != "" {
		return c.note
	}
	return "the server ended the connection with an earlier response"
}

func (c *conn) record(data []byte, step *golden.Step) {
	if !step.More && c.answered > 0 && c.unansweredFrom() == len(c.stream) {
		c.stream, c.pieces, c.answered = nil, nil, 0 // whatever was sent before, this begins a request
	}
	start := len(c.stream)
	c.stream = append(c.stream, data...)
	c.pieces = append(c.pieces, piece{start, len(c.stream), step})
	c.requests = golden.ReadRequests(c.stream)
}

// transmit sends. A failure is noted, for the server may have answered all the same.
func (c *conn) transmit(ctx context.Context, data []byte) error {
	err := c.tcp.Send(ctx, data)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		c.note = fmt.Sprintf("sending: %v", err)
	}
	return nil
}

// unansweredFrom is where in the stream the requests begin that have no answer yet.
func (c *conn) unansweredFrom() int {
	if c.answered == 0 {
		return 0
	}
	return c.requests[min(c.answered, len(c.requests))-1].End
}

// reopenForUnanswered opens a new connection when the server closes this one with requests
// unanswered (RFC 9112 §9.3.2).
func (c *conn) reopenForUnanswered(ctx context.Context) error {
	if c.closing && c.unansweredFrom() < len(c.stream) {
		return c.reopen(ctx)
	}
	return nil
}

// reopen replaces the connection and sends again what was not answered.
func (c *conn) reopen(ctx context.Context) error {
	from := c.unansweredFrom()
	rest, pieces := c.stream[from:], c.pieces
	if err := c.end(false); err != nil {
		return err
	}
	if err := c.open(); err != nil {
		return err
	}
	if len(rest) == 0 {
		return nil
	}
	for _, p := range pieces {
		if p.end > from {
			c.pieces = append(c.pieces, piece{max(p.start-from, 0), p.end - from, p.step})
		}
	}
	c.stream = append([]byte(nil), rest...)
	c.requests = golden.ReadRequests(c.stream)
	return c.transmit(ctx, rest)
}

// next is the request that the next response answers.
func (c *conn) next() golden.Request {
	if c.answered < len(c.requests) {
		return c.requests[c.answered]
	}
	return golden.Request{Minor: 1, Start: len(c.stream), End: len(c.stream)}
}

// sentFor is what the case file sent for a request.
func (c *conn) sentFor(req golden.Request) string {
	var parts []piece
	for _, p := range c.pieces {
		if p.start < req.End && p.end > req.Start {
			parts = append(parts, p)
		}
	}
	if len(parts) == 1 {
		return parts[0].step.Text
	}
	var b strings.Builder
	for _, p := range parts {
		fmt.Fprintf(&b, "-- %s --\n%s", p.step.Name, p.step.Text)
	}
	return b.String()
}

// heard takes in what a response means for the connection.
func (c *conn) heard(r *wire.Response, req golden.Request, ex *exchange) error {
	c.last = ex
	switch {
	case r.End == wire.Enough:
		c.left = true
		return nil
	case !r.Complete:
		return c.end(false)
	case r.Code < 200:
		return nil
	}
	c.answered, c.served, c.continued = c.answered+1, true, false
	c.closing = r.AnnouncedClose || req.Closes()
	return nil
}

// unannounced tells whether a connection that was to stay ended before any byte of a response.
func (c *conn) unannounced(r *wire.Response) bool {
	return len(r.Raw) == 0 && r.End.Closed() && c.served && !c.closing
}

// quiet tells whether nothing is outstanding on an open connection.
func (c *conn) quiet() bool {
	return c.tcp != nil && c.last != nil && !c.left && c.unansweredFrom() == len(c.stream)
}

func (c *conn) halfClose() error {
	if c.tcp == nil {
		return nil
	}
	return c.tcp.CloseWrite()
}

// end closes the connection, and forgets what was said on it.
func (c *conn) end(reset bool) error {
	if c.tcp == nil {
		return nil
	}
	tcp := c.tcp
	*c = conn{dial: c.dial, last: c.last}
	if reset {
		return tcp.Reset()
	}
	return tcp.Close()
}
