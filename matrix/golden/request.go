package golden

import (
	"bytes"
	"regexp"
	"strconv"
	"strings"
)

// Request is a request as it was read out of what a connection was sent.
type Request struct {
	Method, Target string
	Minor          int // of the version: 0 or 1
	Fields         [][2]string
	Body           []byte // with the framing removed
	Start, End     int    // in what was sent
	Complete       bool   // its framing says that it is whole
	Readable       bool   // it is a request: an app can be asked
}

var requestLine = regexp.MustCompile(`^([!-~]+) ([^ ]+) HTTP/1\.([01])$`)

// ReadRequests reads what a connection was sent as requests, one after the other. Bytes that
// are none end it: they are one last request that is not readable, for a server may answer it.
func ReadRequests(stream []byte) []Request {
	var all []Request
	for pos := 0; pos < len(stream); {
		r := readRequest(stream, pos)
		all = append(all, r)
		if !r.Complete {
			break
		}
		pos = r.End
	}
	return all
}

func readRequest(stream []byte, start int) Request {
	r := Request{Minor: 1, Start: start, End: len(stream)}
	head, bodyStart, ok := cutHead(stream[start:])
	r.readHead(head)
	if !ok || !r.Readable {
		r.Readable = false
		return r
	}
	n, ok := r.readBody(stream[start+bodyStart:])
	if ok {
		r.Complete, r.End = true, start+bodyStart+n
	}
	return r
}

// cutHead returns the lines of the head, and where the body begins.
func cutHead(data []byte) (lines []string, body int, ok bool) {
	pos := 0
	for {
		i := bytes.IndexByte(data[pos:], '\n')
		if i < 0 {
			return append(lines, string(data[pos:])), len(data), false
		}
		line := strings.TrimSuffix(string(data[pos:pos+i]), "\r")
		pos += i + 1
		if line == "" && len(lines) > 0 {
			return lines, pos, true
		}
		if line != "" { // RFC 9112 §2.2: blank lines before a request are skipped
			lines = append(lines, line)
		}
	}
}

func (r *Request) readHead(head []string) {
	m := requestLine.FindStringSubmatch(head[0])
	if m == nil {
		r.Method, _, _ = strings.Cut(head[0], " ") // a HEAD with a bad version still has no body
		if strings.HasSuffix(head[0], "HTTP/1.0") {
			r.Minor = 0
		}
		return
	}
	r.Readable = true
	r.Method, r.Target = m[1], m[2]
	r.Minor, _ = strconv.Atoi(m[3])
	for _, line := range head[1:] {
		name, value, ok := strings.Cut(line, ":")
		if !ok || !tokenShape.MatchString(name) {
			r.Readable = false
			return
		}
		r.Fields = append(r.Fields, [2]string{name, strings.Trim(value, " \t")})
	}
}

// Values are the values of the fields of a name, in order.
func (r *Request) Values(name string) []string {
	var values []string
	for _, f := range r.Fields {
		if strings.EqualFold(f[0], name) {
			values = append(values, f[1])
		}
	}
	return values
}

// Has tells whether a comma-separated field lists a token.
func (r *Request) Has(name, token string) bool {
	for _, value := range r.Values(name) {
		for item := range strings.SplitSeq(value, ",") {
			if strings.EqualFold(strings.Trim(item, " \t"), token) {
				return true
			}
		}
	}
	return false
}

// Closes tells whether the connection ends with the answer to this request (RFC 9112 §9.3).
func (r *Request) Closes() bool {
	return r.Has("Connection", "close") || r.Minor == 0 && !r.Has("Connection", "keep-alive")
}

// readBody reads the body and says how many bytes it took; false: it is not whole.
func (r *Request) readBody(data []byte) (n int, ok bool) {
	if r.Has("Transfer-Encoding", "chunked") {
		r.Body, n, ok = dechunk(data)
		return n, ok
	}
	lengths := r.Values("Content-Length")
	if len(lengths) == 0 {
		return 0, true
	}
	n, err := strconv.Atoi(lengths[0])
	if err != nil || n < 0 {
		r.Readable = false
		return 0, false
	}
	if n > len(data) {
		return 0, false
	}
	r.Body = data[:n]
	return n, true
}

// dechunk removes the chunked coding, RFC 9112 §7.1.
func dechunk(data []byte) (body []byte, n int, ok bool) {
	for {
		line, rest, found := bytes.Cut(data[n:], []byte("\r\n"))
		if !found {
			return nil, 0, false
		}
		digits, _, _ := bytes.Cut(line, []byte(";"))
		size, err := strconv.ParseUint(string(bytes.TrimSpace(digits)), 16, 31)
		if err != nil {
			return nil, 0, false
		}
		n += len(line) + 2
		if size == 0 {
			end, whole := trailerEnd(rest)
			return body, n + end, whole
		}
		if len(rest) < int(size)+2 || string(rest[size:size+2]) != "\r\n" {
			return nil, 0, false
		}
		body = append(body, rest[:size]...)
		n += int(size) + 2
	}
}

// trailerEnd finds the blank line that ends the trailers.
func trailerEnd(data []byte) (int, bool) {
	for pos := 0; ; {
		i := bytes.Index(data[pos:], []byte("\r\n"))
		if i < 0 {
			return 0, false
		}
		pos += i + 2
		if i == 0 {
			return pos, true
		}
	}
}
