package wire

import (
	"context"
	"strings"
	"time"
)

// Want says what a response answers, which decides how its body is framed.
type Want struct {
	Method    string
	Minor     int  // the request's minor version
	KeepAlive bool // whether the request asks a 1.0 server to keep the connection
	Enough    func(*Response) bool
}

// Framing says how a body's end is known.
type Framing string

// The framings of RFC 9112 §6.3.
const (
	None     Framing = "none"    // there is no body
	Length   Framing = "length"  // Content-Length
	Chunked  Framing = "chunked" // Transfer-Encoding
	ByClose  Framing = "close"   // the end of the connection
	Unframed Framing = ""        // the head did not come to its end
)

// Field is one header line.
type Field struct {
	Name, Value string
}

// Mark says when the body bytes from an offset on arrived, up to the next mark.
type Mark struct {
	Offset int
	At     time.Time
}

// Response is what came, and what was read out of it.
type Response struct {
	Raw      []byte // exactly, as it came
	Version  string // HTTP/1.1
	Code     int
	Reason   string
	Fields   []Field // in order
	Trailers []Field
	Body     []byte // with the framing removed
	Framing  Framing

	End            End
	Stopped        string // in words, why it is not complete; empty: it is
	Complete       bool   // the framing says so
	AnnouncedClose bool   // the connection is not to be used again
	Cut            bool   // more came than was recorded
	Faults         []string

	HeadAt, EndAt time.Time // when the head and the whole had arrived
	Marks         []Mark
}

// Head tells whether the head came to its end.
func (r *Response) Head() bool { return r.Framing != Unframed }

// Values are the values of the fields of a name, in order.
func (r *Response) Values(name string) []string {
	var values []string
	for _, f := range r.Fields {
		if strings.EqualFold(f.Name, name) {
			values = append(values, f.Value)
		}
	}
	return values
}

// has tells whether a comma-separated field lists a token.
func (r *Response) has(name, token string) bool {
	for _, value := range r.Values(name) {
		for item := range strings.SplitSeq(value, ",") {
			if strings.EqualFold(strings.Trim(item, " \t"), token) {
				return true
			}
		}
	}
	return false
}

// Arrival tells when the body byte at an offset came; one past the body: when the response had come to its end.
func (r *Response) Arrival(offset int) time.Time {
	if offset < 0 {
		return r.HeadAt
	}
	if offset >= len(r.Body) {
		return r.EndAt
	}
	at := r.HeadAt
	for _, mark := range r.Marks {
		if mark.Offset > offset {
			break
		}
		at = mark.At
	}
	return at
}

// Receive records one response. It always returns, within the connection's limits.
func (c *Conn) Receive(ctx context.Context, want Want) *Response {
	cur := c.cursor(ctx)
	defer cur.release()
	p := &parser{cursor: cur, want: want, r: &Response{}}
	p.response()
	r := p.r
	r.End, r.Complete = cur.end, cur.end == Complete
	r.Cut = cur.end == Long
	n := cur.pos
	if !r.Complete {
		n = len(cur.data)
		r.Stopped = cur.stopped(c.limits)
	}
	r.Raw = cur.data[:n:n]
	r.EndAt = c.in.at(max(n-1, 0))
	if r.Framing == ByClose && r.Complete {
		r.EndAt = c.in.at(n)
	}
	r.AnnouncedClose = p.closes()
	c.in.take(n)
	return r
}

// closes tells whether both sides know that the connection ends with this response (RFC 9112 §9.3).
func (p *parser) closes() bool {
	r := p.r
	switch {
	case r.Framing == ByClose, r.has("Connection", "close"):
		return true
	case r.Head() && r.Code < 200:
		return false
	case p.want.Minor == 0 && !p.want.KeepAlive:
		return true
	case r.Version == "HTTP/1.0" || p.want.Minor == 0:
		return !r.has("Connection", "keep-alive")
	}
	return false
}
