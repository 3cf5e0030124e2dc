package wire

import (
	"bytes"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

const (
	maxGarbage = 1 << 10   // of what is no status line, until it is given up
	maxHead    = 256 << 10 // of a head, until it is given up
	maxLine    = 16 << 10  // of a chunk's size line
)

// parser reads one response: lenient, so that as much as possible is recorded, with a fault for whatever it lets pass.
type parser struct {
	*cursor
	want Want
	r    *Response
	head int // where the lines of the head, or of the trailers, begin
}

func (p *parser) fault(format string, args ...any) {
	p.r.Faults = append(p.r.Faults, fmt.Sprintf(format, args...))
}

// give up with a fault.
func (p *parser) malformed(format string, args ...any) {
	p.fault(format, args...)
	p.end = Malformed
}

func (p *parser) response() {
	if !p.statusLine() || !p.fields(&p.r.Fields) {
		return
	}
	p.r.HeadAt = p.in.at(p.pos - 1)
	p.r.Framing = p.framing()
	p.body()
}

var statusLine = regexp.MustCompile(`^(HTTP/[0-9]+\.[0-9]+) ([0-9]{3})(?: ([^\x00-\x08\x0a-\x1f\x7f]*))?$`)

func (p *parser) statusLine() bool {
	for !bytes.HasPrefix(p.data, []byte("HTTP/")) {
		if bytes.IndexByte(p.data, '\n') >= 0 || len(p.data) >= maxGarbage {
			p.malformed("not a status line: %s", quote(p.data))
			return false
		}
		if !p.more() {
			if len(p.data) > 0 {
				p.fault("not a status line: %s", quote(p.data))
			}
			return false
		}
	}
	line, ok := p.headLine()
	if !ok {
		return false
	}
	m := statusLine.FindSubmatch(line)
	if m == nil {
		p.malformed("not a status line: %s", quote(line))
		return false
	}
	if m[3] == nil {
		p.fault("the status line has no space after the code (RFC 9112 §4)")
	}
	p.r.Version, p.r.Reason = string(m[1]), string(m[3])
	p.r.Code, _ = strconv.Atoi(string(m[2]))
	return true
}

// quote shows the beginning of bytes.
func quote(data []byte) string {
	if len(data) > 60 {
		return fmt.Sprintf("%q…", data[:60])
	}
	return fmt.Sprintf("%q", data)
}

// headLine reads one line of a head.
func (p *parser) headLine() ([]byte, bool) {
	if p.pos-p.head > maxHead {
		p.malformed("the head is longer than %d bytes", maxHead)
		return nil, false
	}
	line, crlf, ok := p.line(maxHead)
	if !ok {
		if p.end == Long {
			p.fault("the head is longer than %d bytes", maxHead)
		}
		return nil, false
	}
	if !crlf {
		p.fault("a line of the head ends with a bare LF: %s", quote(line))
	}
	return line, true
}

// fields reads header or trailer lines up to the blank one.
func (p *parser) fields(to *[]Field) bool {
	for {
		line, ok := p.headLine()
		if !ok {
			return false
		}
		if len(line) == 0 {
			return true
		}
		p.field(to, line)
	}
}

var token = regexp.MustCompile("^[!#$%&'*+.^_`|~0-9A-Za-z-]+$") // RFC 9110 §5.6.2

func (p *parser) field(to *[]Field, line []byte) {
	if line[0] == ' ' || line[0] == '\t' {
		p.fault("a header line is folded, or begins with white space: %s", quote(line))
		if n := len(*to); n > 0 {
			(*to)[n-1].Value += " " + strings.Trim(string(line), " \t")
		}
		return
	}
	name, value, ok := strings.Cut(string(line), ":")
	if !ok {
		p.fault("a header line has no colon: %s", quote(line))
	} else if !token.MatchString(name) {
		p.fault("not the name of a header: %s", quote([]byte(name)))
	}
	value = strings.Trim(value, " \t")
	if i := strings.IndexFunc(value, func(c rune) bool { return c < ' ' && c != '\t' || c == 0x7f }); i >= 0 {
		p.fault("a control character stands in the value of %s: %s", name, quote([]byte(value)))
	}
	*to = append(*to, Field{name, value})
}

// framing decides how the body's end is known, RFC 9112 §6.3.
func (p *parser) framing() Framing {
	r := p.r
	coding, length := r.Values("Transfer-Encoding"), r.Values("Content-Length")
	if len(coding) > 0 && len(length) > 0 {
		p.fault("both Content-Length and Transfer-Encoding (C48, RFC 9112 §6.2)")
	}
	if len(coding) > 0 && r.Version == "HTTP/1.0" {
		p.fault("Transfer-Encoding in an HTTP/1.0 response (RFC 9112 §6.1)")
	}
	switch {
	case p.want.Method == "HEAD", r.Code < 200, r.Code == 204, r.Code == 304:
		return None
	case len(coding) > 0:
		return p.coded(coding)
	case len(length) > 0:
		return p.counted(length)
	}
	return ByClose
}

func (p *parser) coded(values []string) Framing {
	coding := strings.ToLower(strings.Join(values, ", "))
	if coding == "chunked" {
		return Chunked
	}
	p.fault("Transfer-Encoding is %q, which no request asked for", coding)
	if strings.HasSuffix(coding, "chunked") {
		return Chunked
	}
	return ByClose
}

func (p *parser) counted(values []string) Framing {
	if len(values) > 1 {
		p.fault("Content-Length stands %d times", len(values))
	}
	for _, v := range values {
		if v != values[0] {
			p.fault("the Content-Lengths differ: %s", strings.Join(values, ", "))
			return ByClose
		}
	}
	if _, ok := contentLength(values[0]); !ok {
		p.fault("Content-Length is not a number: %q", values[0])
		return ByClose
	}
	return Length
}

// contentLength reads digits alone: no sign, no blank, no underscore.
func contentLength(s string) (int, bool) {
	if s == "" || strings.Trim(s, "0123456789") != "" {
		return 0, false
	}
	n, err := strconv.ParseInt(s, 10, 63)
	return int(n), err == nil
}
