package http1

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/textproto"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// lenient is what this package refuses and net/http's reader takes, and why the refusal stands.
// A refusal that is not listed has to be net/http's too.
var lenient = map[*Error]string{
	errBareLF:       "net/http ends a line at LF alone; a recipient may (RFC 9112 §2.2), and another before it may not have",
	errFold:         "net/http joins a folded line with the one before; a server may refuse it instead (RFC 9112 §5.2)",
	errTarget:       "net/http takes # and what follows for part of the target; no target has a fragment (RFC 9112 §3.2)",
	errTargetForm:   "net/http takes an absolute target of any scheme, and * with any method; an origin server knows http and https, and * for OPTIONS (RFC 9112 §3.2.2, §3.2.4)",
	errMajor:        "net/http looks at the major version in its server, not in its reader",
	errConnect:      "net/http leaves CONNECT to its handlers",
	errFieldName:    "net/http's reader takes a name with a space, before its colon too; its server refuses it",
	errHostMissing:  "net/http counts Host fields in its server, not in its reader",
	errHostInvalid:  "net/http looks at the characters of Host in its server, and lets a bad port pass",
	errLengthTwice:  "net/http takes two equal values for one; RFC 9112 §6.3 leaves the choice",
	errLengthCoding: "net/http lets Transfer-Encoding win; RFC 9112 §6.1 leaves the choice, and it is what smuggling lives on",
	errCodingOld:    "net/http drops the field unread; RFC 9112 §6.1 has it treated as faulty framing",
	errExpect:       "net/http answers 417 in its server, not in its reader",
	errChunkExt:     "net/http reads over a chunk's extensions without looking",
	errLineLong:     "a limit of ours (Limits.Line)",
	errFieldLong:    "a limit of ours (Limits.Field)",
	errHeadLong:     "a limit of ours (Limits.Head)",
	errFieldsMany:   "a limit of ours (Limits.Fields)",
}

// lenientOld is the same for HTTP/1.0 alone, where net/http drops Transfer-Encoding unread.
var lenientOld = map[*Error]bool{errCoding: true}

// stricter is what net/http's reader refuses and this package takes, by its error's text, and why
// it is taken.
var stricter = []struct{ text, why string }{
	{"invalid URL escape", "PEP 3333 leaves it to us; the path keeps what cannot be decoded (C8)"},
	{"invalid byte in chunk length", "white space before a chunk extension (RFC 9112 §7.1.1 has us read over it)"},
	{"bad trailer key", "Trailer announces fields that are dropped here anyway"},
}

// message is one request as a reader understands it.
type message struct {
	method, target, host string
	minor                int
	fields               [][2]string // by name
	close                bool
	body                 string
	size                 int // bytes, from the request line to the body's end
}

func (m *message) String() string {
	return fmt.Sprintf("%s %s HTTP/1.%d host=%q close=%v %d bytes %q %q", m.method, m.target, m.minor, m.host, m.close, m.size, m.fields, m.body)
}

// FuzzNetHTTP reads a connection's bytes with this package and with net/http, request by request:
// what both take they must frame alike and understand alike, and what only one of them takes has
// to stand in a table above.
func FuzzNetHTTP(f *testing.F) {
	for _, seed := range seeds() {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		for len(raw) > 0 {
			ours, blanks, refusal := readOurs(raw)
			raw = raw[blanks:] // net/http skips no blank lines (RFC 9112 §2.2 has a server skip one)
			theirs, err := readTheirs(raw)
			compareReaders(t, raw, ours, refusal, theirs, err)
			if ours == nil || theirs == nil {
				return
			}
			raw = raw[ours.size:]
		}
	})
}

// large reach the limits. The fuzzer would lose its time in them.
var large = []string{
	"GET /" + strings.Repeat("a", 16<<10) + " HTTP/1.1\r\nHost: a\r\n\r\n",
	"GET / HTTP/1.1\r\nHost: a\r\nA: " + strings.Repeat("b", 16<<10) + "\r\n\r\n",
	"GET / HTTP/1.1\r\nHost: a\r\n" + strings.Repeat("A: b\r\n", 128) + "\r\n",
	"GET / HTTP/1.1\r\nHost: a\r\n" + strings.Repeat("A: "+strings.Repeat("b", 8<<10)+"\r\n", 9) + "\r\n",
	"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1;" + strings.Repeat("a", 4095) + "\r\nx\r\n0\r\n\r\n",
	"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n" + strings.Repeat("A: "+strings.Repeat("b", 1000)+"\r\n", 9) + "\r\n",
}

func seeds() (all [][]byte) {
	for _, tt := range accepted {
		all = append(all, []byte(tt.raw))
	}
	for _, tt := range refused {
		all = append(all, []byte(tt.raw))
	}
	for _, raw := range conversations {
		all = append(all, []byte(raw))
	}
	return append(all, browser)
}

// conversations are seeds with bodies, and with more than one request.
var conversations = []string{
	"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhelloGET /2 HTTP/1.1\r\nHost: a\r\n\r\n",
	"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n0\r\nA: b\r\n\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n",
	"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n",
	"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5 ;a\r\nhello\r\n00\r\n\r\n",
	"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\nhello\n0\n\n",
	"POST / HTTP/1.0\r\nContent-Length: 5\r\n\r\nhello",
	"GET /a\r\n",
	"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n\r\n\r\nGET http://b/?q HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
	"GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n",
	"POST / HTTP/1.1\r\nHost: a\r\nTrailer: Host\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
	"POST / HTTP/1.1\r\nHost: a\r\nTrailer: Content-Length\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
	"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
	"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
	"GET / HTTP/1.1\r\nHost: a\r\nA: b\x01c\r\n\r\n",
	"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx",
	"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1;a\x01\r\nx\r\n0\r\n\r\n",
	"POST / HTTP/1.0\r\nTransfer-Encoding: a b\r\n\r\n",
	"POST / HTTP/1.0\r\nTransfer-Encoding: chunked, gzip\r\n\r\n",
	"POST / HTTP/1.0\r\nTransfer-Encoding: gzip\r\n\r\n",
}

// TestEachDifferenceIsReal holds that no table above explains what does not happen.
func TestEachDifferenceIsReal(t *testing.T) {
	refusals, texts := map[*Error]bool{}, map[string]bool{}
	all := seeds()
	for _, raw := range large {
		all = append(all, []byte(raw))
	}
	for _, raw := range all {
		ours, blanks, refusal := readOurs(raw)
		theirs, err := readTheirs(raw[blanks:])
		var known *Error
		switch {
		case ours == nil && theirs != nil && errors.As(refusal, &known):
			refusals[known] = true
		case ours != nil && theirs == nil:
			for _, s := range stricter {
				texts[s.text] = texts[s.text] || strings.Contains(err.Error(), s.text)
			}
		}
	}
	for known, why := range lenient {
		if !refusals[known] {
			t.Errorf("no seed shows that net/http takes what is refused here for %q: %s", known.Reason, why)
		}
	}
	for known := range lenientOld {
		if !refusals[known] {
			t.Errorf("no seed shows that net/http takes in HTTP/1.0 what is refused here for %q", known.Reason)
		}
	}
	for _, s := range stricter {
		if !texts[s.text] {
			t.Errorf("no seed shows that net/http refuses with %q what is taken here: %s", s.text, s.why)
		}
	}
}

func compareReaders(t *testing.T, raw []byte, ours *message, refusal error, theirs *message, err error) {
	t.Helper()
	var known *Error
	switch {
	case ours != nil && theirs != nil:
		if ours.String() != theirs.String() {
			t.Fatalf("%q\n    ours: %v\nnet/http: %v", raw, ours, theirs)
		}
	case ours != nil:
		for _, s := range stricter {
			if strings.Contains(err.Error(), s.text) {
				return
			}
		}
		t.Fatalf("%q: taken here (%v), refused by net/http: %v", raw, ours, err)
	case theirs == nil: // both refuse, or wait for more
	case errors.As(refusal, &known) && (lenient[known] != "" || theirs.minor == 0 && lenientOld[known]):
	default:
		t.Fatalf("%q: taken by net/http (%v), not here: %v", raw, theirs, refusal)
	}
}

// readOurs reads one request; blanks is how many bytes of blank lines stand before it. Without a
// message the error says why: a refusal, or ErrIncomplete.
func readOurs(raw []byte) (m *message, blanks int, err error) {
	var r Request
	n, err := r.Parse(raw, nil)
	blanks = 2 * r.blanks
	if err != nil {
		return nil, blanks, err
	}
	body, size, err := bodyOf(&r, raw[n:])
	if err != nil {
		return nil, blanks, err
	}
	m = &message{
		method: string(r.Method), target: string(r.Target), host: string(r.Host), minor: r.Minor,
		close: !r.KeepAlive, body: body, size: n - blanks + size,
	}
	for _, f := range r.Fields {
		m.add(string(f.Name), string(f.Value))
	}
	return m.sort(), blanks, nil
}

// bodyOf is the body in raw, and how many bytes of raw it takes.
func bodyOf(r *Request, raw []byte) (body string, size int, err error) {
	if !r.Chunked {
		length := max(r.ContentLength, 0)
		if length > int64(len(raw)) {
			return "", 0, ErrIncomplete
		}
		return string(raw[:length]), int(length), nil
	}
	var c Chunked
	for {
		data, n, done, err := c.Next(raw[size:])
		size += n
		body += string(data)
		switch {
		case err != nil:
			return "", 0, err
		case done:
			return body, size, nil
		case n == 0:
			return "", 0, ErrIncomplete
		}
	}
}

func readTheirs(raw []byte) (*message, error) {
	left := bytes.NewReader(raw)
	reader := bufio.NewReader(left)
	r, err := http.ReadRequest(reader)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	if err := unescapable(r.URL); err != nil {
		return nil, err
	}
	m := &message{
		method: r.Method, target: r.RequestURI, host: r.Host, minor: min(r.ProtoMinor, 1), close: r.Close,
		body: string(body), size: len(raw) - left.Len() - reader.Buffered(),
	}
	for name, values := range r.Header {
		for _, value := range values {
			m.add(name, value)
		}
	}
	return m.sort(), nil
}

func unescapable(u *url.URL) error {
	_, err := url.PathUnescape(u.EscapedPath())
	return err
}

// add notes a field. net/http takes Host and Transfer-Encoding out of the header, keeps the order of
// the fields of one name only, and writes all names alike.
func (m *message) add(name, value string) {
	if name = textproto.CanonicalMIMEHeaderKey(name); name != "Host" && name != "Transfer-Encoding" && name != "Trailer" {
		m.fields = append(m.fields, [2]string{name, value})
	}
}

func (m *message) sort() *message {
	slices.SortStableFunc(m.fields, func(a, b [2]string) int { return strings.Compare(a[0], b[0]) })
	return m
}
