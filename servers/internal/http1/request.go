// Package http1 turns bytes into requests and back (RFC 9112). It owns the grammar: heads,
// chunked bodies, dates, error responses. It never reads, writes, waits or keeps a buffer of
// its own, and on the way of a good request it never allocates.
//
// Where the RFC leaves a choice, a request that two readers could frame differently is
// refused and its connection closed: that is what request smuggling lives on.
package http1

import "bytes"

// Limits bounds what a client may send before it is refused.
type Limits struct {
	Line   int // bytes of the request line, its CRLF included
	Field  int // bytes of one field line, its CRLF included
	Head   int // bytes of the whole head, blank lines included
	Fields int // number of fields
}

// DefaultLimits take twice the request line that RFC 9112 §3 asks for, and the largest
// heads that browsers and proxies send.
var DefaultLimits = Limits{Line: 16384, Field: 16384, Head: 65536, Fields: 128}

// maxBlank is how many blank lines may stand before a request line (RFC 9112 §2.2).
const maxBlank = 4

// Field is a header field. Both are slices of the caller's buffer.
type Field struct {
	Name  []byte // as received
	Value []byte // without the white space around it
}

// Request is the head of a request. Its slices are of the buffer that Parse was given (Path
// may be a constant): they hold as long as the buffer stays as it is.
type Request struct {
	Method, Target []byte  // as received
	Path, Query    []byte  // of the target, not decoded; Path is "*" for OPTIONS *
	Host           []byte  // of an absolute target, else of the Host field (RFC 9112 §3.2.2); nil: none
	Minor          int     // 0 or 1; HTTP/1.2 is handled as HTTP/1.1
	Fields         []Field // in order; reused between requests
	ContentLength  int64   // -1: none
	Chunked        bool
	KeepAlive      bool // what the client asks for, and the framing allows
	ExpectContinue bool // the client waits for a 100 before it sends its body

	progress
}

// progress is how far Parse has come.
type progress struct {
	stage   stage
	pos     int // where the line that is read next begins
	scan    int // no line end stands between pos and scan
	base    int // capacity of the buffer that the request's slices are of; see rebase
	blanks  int // blank lines skipped
	host    int // index of the Host field, -1: none
	options options
}

type stage uint8

const (
	stageNew stage = iota
	stageLine
	stageFields
	stageOver
)

// options are what the fields ask for, until the end of the head weighs them.
type options struct {
	close, keep  bool // Connection
	expect       bool // Expect: 100-continue
	coding       bool // a Transfer-Encoding field was there
	other        bool // it named a coding other than chunked
	afterChunked bool // and something behind chunked
}

// Reset forgets the request, and with it where Parse was. It names each field:
// to assign a whole Request took a sixth of the time of a short one. A test holds that none
// is left out.
func (r *Request) Reset() {
	r.Method, r.Target, r.Path, r.Query, r.Host = nil, nil, nil, nil, nil
	r.Fields = r.Fields[:0]
	r.Minor, r.ContentLength = 0, -1
	r.Chunked, r.KeepAlive, r.ExpectContinue = false, false, false
	r.progress = progress{stage: stageLine, host: -1}
}

// Parse reads the head at the beginning of buf and returns how many bytes it takes. With
// ErrIncomplete the caller calls again with the same bytes, wherever they stand by then, and
// more behind them: no line is looked at twice. Any other error is an *Error. After a head
// or an *Error, Parse begins anew. Without limits the default ones hold.
func (r *Request) Parse(buf []byte, lim *Limits) (n int, err error) {
	if lim == nil {
		lim = &DefaultLimits
	}
	r.begin(buf)
	if r.stage == stageLine {
		err = r.parseLine(buf, lim)
	}
	if err == nil {
		err = r.parseFields(buf, lim)
	}
	if err == ErrIncomplete {
		return 0, err
	}
	r.stage = stageOver
	if err != nil {
		return 0, err
	}
	return r.pos, nil
}

func (r *Request) begin(buf []byte) {
	switch {
	case r.stage == stageNew || r.stage == stageOver:
		r.Reset()
	case r.stage == stageFields:
		r.rebase(buf)
	}
	r.base = cap(buf)
}

// rebase moves the slices that were made so far into buf, which holds the same bytes at
// another place. A slice's capacity tells how far from the buffer's end it begins.
func (r *Request) rebase(buf []byte) {
	move := func(b []byte) []byte {
		at := r.base - cap(b)
		return buf[at : at+len(b)]
	}
	r.Method, r.Target = move(r.Method), move(r.Target)
	_ = r.parseTarget() // succeeded before
	for i, f := range r.Fields {
		r.Fields[i] = Field{move(f.Name), move(f.Value)}
	}
}

// parseLine skips blank lines and reads the request line.
func (r *Request) parseLine(buf []byte, lim *Limits) error {
	if err := r.skipBlank(buf); err != nil {
		return err
	}
	line, err := r.nextLine(buf, lim.Line, lim.Head, errLineLong)
	if err != nil {
		return err
	}
	r.stage = stageFields
	return r.parseRequestLine(line)
}

// skipBlank also looks at the first byte of the request line, so that a client that speaks
// something else (TLS) is refused at once, not when it runs into a limit.
func (r *Request) skipBlank(buf []byte) error {
	for r.pos < len(buf) && classes[buf[r.pos]]&classToken == 0 {
		switch {
		case buf[r.pos] == '\n':
			return errBareLF
		case buf[r.pos] != '\r':
			return errMethod
		case r.pos+1 == len(buf):
			return ErrIncomplete
		case buf[r.pos+1] != '\n':
			return errBareCR
		case r.blanks == maxBlank:
			return errBlankLines
		}
		r.blanks++
		r.pos += 2
		r.scan = r.pos
	}
	return nil
}

// parseFields reads field lines up to and with the blank one, and weighs what they say.
func (r *Request) parseFields(buf []byte, lim *Limits) error {
	for {
		if len(r.Fields) >= lim.Fields && r.pos < len(buf) && buf[r.pos] != '\r' {
			return errFieldsMany
		}
		line, err := r.nextLine(buf, lim.Field, lim.Head, errFieldLong)
		if err != nil {
			return err
		}
		if len(line) == 0 {
			return r.conclude()
		}
		if err := r.parseField(line); err != nil {
			return err
		}
	}
}

// nextLine returns the next line without its CRLF. It must be at most limit bytes long, and
// end before byte head.
func (r *Request) nextLine(buf []byte, limit, head int, tooLong *Error) ([]byte, error) {
	if head-r.pos < limit {
		limit, tooLong = head-r.pos, errHeadLong
	}
	i := bytes.IndexByte(buf[r.scan:], '\n')
	end := r.scan + i
	if i < 0 || end >= r.pos+limit {
		return nil, r.unfinished(buf, limit, tooLong)
	}
	if end == r.pos || buf[end-1] != '\r' {
		return nil, errBareLF
	}
	line := buf[r.pos : end-1]
	r.pos = end + 1
	r.scan = r.pos
	return line, nil
}

// unfinished judges a line whose first limit bytes hold no line end. It looks for a bare CR,
// so that a client that ends its lines in one is answered at once. The verdict depends on
// the bytes within the limit alone, not on how many have come in one read.
func (r *Request) unfinished(buf []byte, limit int, tooLong *Error) error {
	end := min(len(buf), r.pos+max(limit, 0))
	from := max(r.pos, r.scan-1) // the last byte seen may have been a CR
	if from < end-1 && bytes.IndexByte(buf[from:end-1], '\r') >= 0 {
		return errBareCR
	}
	if len(buf)-r.pos >= limit {
		return tooLong
	}
	r.scan = len(buf)
	return ErrIncomplete
}
