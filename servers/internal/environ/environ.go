// Package environ turns a parsed request into the pairs of a PEP 3333 environ, as records
// that C reads by offset. It owns the mapping of names and values. It knows nothing of
// Python, never changes the request, and never emits what is the same for every request
// (SERVER_NAME, SERVER_PORT, wsgi.*): that stands in a template elsewhere.
//
// Where PEP 3333 leaves a choice, the application sees what the client sent: the path is
// percent-decoded once and otherwise left alone, so "%2F" has become "/", and "//a",
// "/a/../b" and "/a;p" are as they came. An invalid percent sequence stays as it is.
package environ

import (
	"bytes"
	"encoding/binary"
	"errors"
	"slices"
	"strconv"

	"wsgimatrix/servers/internal/http1"
)

// Named is the key of a record that brings its name along.
const Named = 0xFFFFFFFF

// ErrNotMounted refuses a path outside of the mount point; the client is told 404.
var ErrNotMounted = errors.New("environ: the path is outside of the mount point")

// errContentType refuses a second Content-Type: joined it is none, and two readers that
// take one each would take different ones (RFC 9110 §5.3, §8.3).
var errContentType = &http1.Error{Status: 400, Reason: "more than one Content-Type (RFC 9110 §8.3)"}

// Peer is the client's end of the connection.
type Peer struct {
	Addr string // bare IP; "" on a Unix socket
	Port string // "" on a Unix socket
}

// Encoder writes environs. Its zero value is ready; it is not for concurrent use.
type Encoder struct {
	ScriptName string // where the application is mounted: "", or a path such as "/app" with no slash at its end

	path  []byte   // scratch of mountedPath
	heads []header // scratch of classify
}

// Append appends the records of a request. A bodyLength of -1 says that there is no body
// and that none was declared. All else is the length of the decoded body: a chunked one is
// buffered by now, so its Transfer-Encoding is not shown (C81).
//
// The records are in the machine's byte order: u32 count, then for each pair u32 key (index
// into Keys, or Named), u32 length of the name (0 unless Named), u32 length of the value,
// name, value, zeros up to a multiple of 4.
//
// The error is ErrNotMounted, or an *http1.Error to refuse the request with.
func (e *Encoder) Append(dst []byte, r *http1.Request, p *Peer, bodyLength int64) ([]byte, error) {
	path, ok := e.mountedPath(r.Path)
	if !ok {
		return dst, ErrNotMounted
	}
	if err := e.classify(r.Fields); err != nil {
		return dst, err
	}
	out := records{buf: slices.Grow(dst, e.size(r, path, p)), start: len(dst)}
	out.buf = append(out.buf, 0, 0, 0, 0)
	e.addRequest(&out, r, path, p)
	if bodyLength >= 0 {
		out.addNumber(idContentLength, bodyLength)
	}
	e.addFields(&out, r.Fields)
	return out.finish(), nil
}

// AppendLength adds CONTENT_LENGTH to what Append made into an empty dst with a bodyLength
// of -1: a server may keep the pairs of a request while it waits for a chunked body's end.
func AppendLength(pairs []byte, bodyLength int64) []byte {
	out := records{buf: pairs, count: binary.NativeEndian.Uint32(pairs)}
	out.addNumber(idContentLength, bodyLength)
	return out.finish()
}

// size is the most bytes that the records can take: the buffer grows at most once.
func (e *Encoder) size(r *http1.Request, path []byte, p *Peer) int {
	const record = 12 + 3 // key and lengths; padding
	n := 4 + 10*record + len("HTTP/1.1") + len("9223372036854775807")
	n += len(r.Method) + len(e.ScriptName) + len(path) + len(r.Query) + len(r.Target) + len(r.Host) + len(p.Addr) + len(p.Port)
	for _, f := range r.Fields {
		n += record + len("HTTP_") + len("; ") + len(f.Name) + len(f.Value)
	}
	return n
}

// addRequest adds what is there in every request. HTTP_HOST comes from the target where
// that names a host, whatever the Host field says (RFC 9112 §3.2.2).
func (e *Encoder) addRequest(out *records, r *http1.Request, path []byte, p *Peer) {
	out.add(idRequestMethod, r.Method)
	out.addString(idScriptName, e.ScriptName)
	out.add(idPathInfo, path)
	out.add(idQueryString, r.Query)
	out.addString(idServerProtocol, protocols[r.Minor])
	out.add(idRequestURI, r.Target)
	out.addString(idRemoteAddr, p.Addr)
	if p.Port != "" {
		out.addString(idRemotePort, p.Port)
	}
	if r.Host != nil {
		out.add(idHost, r.Host)
	}
}

var protocols = [...]string{"HTTP/1.0", "HTTP/1.1"}

var slash = []byte("/")

// mountedPath is PATH_INFO: the decoded path without the mount point. OPTIONS * asks for
// what the server as a whole can do: that is the application's root (PEP 3333 wants a "/" at
// the beginning); REQUEST_URI still says "*".
func (e *Encoder) mountedPath(raw []byte) (path []byte, ok bool) {
	if len(raw) == 1 && raw[0] == '*' {
		return slash, true
	}
	path = raw
	if i := bytes.IndexByte(raw, '%'); i >= 0 {
		e.path = append(e.path[:0], raw[:i]...)
		e.path = appendDecoded(e.path, raw[i:])
		path = e.path
	}
	n := len(e.ScriptName)
	if len(path) < n || string(path[:n]) != e.ScriptName {
		return nil, false
	}
	path = path[n:]
	return path, n == 0 || len(path) == 0 || path[0] == '/'
}

// appendDecoded decodes percent sequences once; what is none stays as it is.
func appendDecoded(dst, src []byte) []byte {
	for i := 0; i < len(src); i++ {
		c := src[i]
		if c == '%' && i+2 < len(src) {
			high, low := unhex[src[i+1]], unhex[src[i+2]]
			if high|low < 16 {
				c = high<<4 | low
				i += 2
			}
		}
		dst = append(dst, c)
	}
	return dst
}

// unhex is the value of a hexadecimal digit, 0xFF for all other bytes.
var unhex = makeUnhex()

func makeUnhex() (t [256]uint8) {
	for c := range t {
		d, err := strconv.ParseUint(string([]byte{byte(c)}), 16, 8)
		if err != nil {
			d = 0xFF
		}
		t[c] = uint8(d)
	}
	return t
}
