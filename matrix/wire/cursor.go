package wire

import (
	"bytes"
	"context"
	"fmt"
	"time"
)

// End is what ended the recording of a response.
type End int

// The ends of a recording.
const (
	Complete  End = iota // the framing, or the end of a connection that delimits the body
	Enough               // as much came as was asked for
	EOF                  // the server closed too early
	Reset                // the server reset the connection
	Silent               // nothing more came
	Slow                 // it took too long as a whole
	Long                 // there was more than is recorded
	Malformed            // it could not be read on
	Cancelled            // the run was
)

// Closed tells whether the server ended the connection.
func (e End) Closed() bool { return e == EOF || e == Reset }

// cursor reads on in what arrives, and keeps why it cannot.
type cursor struct {
	ctx      context.Context
	in       *inbox
	data     []byte // all that has been looked at
	pos      int
	wait     time.Duration
	deadline time.Time
	end      End
}

func (c *Conn) cursor(ctx context.Context) *cursor {
	c.in.open(true)
	return &cursor{ctx: ctx, in: c.in, wait: c.limits.Wait, deadline: time.Now().Add(c.limits.Total)}
}

func (c *cursor) release() { c.in.open(false) }

// more waits for bytes beyond data; false: end says why none came.
func (c *cursor) more() bool {
	for {
		data, changed, err := c.in.look()
		switch {
		case len(data) > len(c.data):
			c.data = data
			return true
		case err != nil:
			c.end = ended(err)
			return false
		case len(data) >= c.in.limit:
			c.end = Long
			return false
		}
		if c.end = c.pause(changed); c.end != Complete {
			return false
		}
	}
}

// pause waits for a change; Complete: there was one.
func (c *cursor) pause(changed <-chan struct{}) End {
	wait, late := c.wait, Silent
	if left := time.Until(c.deadline); left < wait {
		wait = left
		if len(c.data) > 0 {
			late = Slow
		}
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-changed:
		return Complete
	case <-c.ctx.Done():
		return Cancelled
	case <-timer.C:
		return late
	}
}

// line reads up to a line feed and returns the line without its end. It reads no more than most bytes.
func (c *cursor) line(most int) (line []byte, crlf, ok bool) {
	for from := c.pos; ; {
		if i := bytes.IndexByte(c.data[from:], '\n'); i >= 0 {
			line = c.data[c.pos : from+i]
			c.pos = from + i + 1
			line, crlf = bytes.CutSuffix(line, []byte("\r"))
			return line, crlf, true
		}
		from = len(c.data)
		if from-c.pos > most {
			c.end = Long
			return nil, false, false
		}
		if !c.more() {
			return nil, false, false
		}
	}
}

// stopped says in words why the recording ended.
func (c *cursor) stopped(limits Limits) string {
	n := len(c.data)
	switch c.end {
	case EOF:
		return afterBytes("the server closed the connection", n)
	case Reset:
		return afterBytes("the server reset the connection", n)
	case Silent:
		if n == 0 {
			return fmt.Sprintf("no byte within %s", limits.Wait)
		}
		return fmt.Sprintf("stopped after %d bytes: nothing more within %s", n, limits.Wait)
	case Slow:
		return fmt.Sprintf("not complete after %s and %d bytes", limits.Total, n)
	case Long:
		return fmt.Sprintf("too long: cut after %d bytes", n)
	case Malformed:
		return "the framing cannot be read on"
	case Cancelled:
		return afterBytes("the run was cancelled", n)
	}
	return ""
}

func afterBytes(what string, n int) string {
	if n == 0 {
		return what + " without a byte"
	}
	return fmt.Sprintf("%s after %d bytes", what, n)
}
