package http1

import (
	"bytes"
	"net/netip"
)

var (
	slash    = []byte("/")
	asterisk = []byte("*")
)

// parseRequestLine takes method SP target SP version, with exactly these two spaces.
func (r *Request) parseRequestLine(line []byte) error {
	n := span(line, classToken)
	if n == 0 || n == len(line) || line[n] != ' ' {
		return errMethod
	}
	r.Method, line = line[:n], line[n+1:]
	n = span(line, classTarget)
	if n == 0 || n < len(line) && line[n] != ' ' {
		return errTarget
	}
	if n == len(line) {
		return errVersion
	}
	r.Target = line[:n]
	if err := r.parseVersion(line[n+1:]); err != nil {
		return err
	}
	return r.parseTarget()
}

func (r *Request) parseVersion(v []byte) error {
	if string(v) == "HTTP/1.1" {
		r.Minor = 1
		return nil
	}
	if len(v) != 8 || string(v[:5]) != "HTTP/" || !isDigit(v[5]) || v[6] != '.' || !isDigit(v[7]) {
		return errVersion
	}
	if v[5] != '1' {
		return errMajor
	}
	r.Minor = min(int(v[7]-'0'), 1)
	return nil
}

// parseTarget knows the forms of RFC 9112 §3.2 but for the authority-form, which is
// CONNECT's alone: this is an origin server and opens no tunnels.
func (r *Request) parseTarget() error {
	switch {
	case string(r.Method) == "CONNECT":
		return errConnect
	case r.Target[0] == '/':
		r.splitQuery(r.Target)
		return nil
	case len(r.Target) == 1 && r.Target[0] == '*' && string(r.Method) == "OPTIONS":
		r.Path = asterisk
		return nil
	}
	return r.parseAbsolute()
}

func (r *Request) splitQuery(target []byte) {
	r.Path, r.Query = target, nil
	if i := bytes.IndexByte(target, '?'); i >= 0 {
		r.Path, r.Query = target[:i], target[i+1:]
	}
}

// parseAbsolute takes http://host:port/path?query. What stands before an @ would be a
// password or a disguise: it is no host (RFC 9110 §4.2.4).
func (r *Request) parseAbsolute() error {
	i := bytes.Index(r.Target, []byte("://"))
	if i < 0 || !equalFold(r.Target[:i], "http") && !equalFold(r.Target[:i], "https") {
		return errTargetForm
	}
	rest := r.Target[i+3:]
	n := bytes.IndexAny(rest, "/?")
	if n < 0 {
		n = len(rest)
	}
	if n == 0 || !validHost(rest[:n]) {
		return errHostInvalid
	}
	r.Host = rest[:n]
	r.splitQuery(rest[n:])
	if len(r.Path) == 0 {
		r.Path = slash
	}
	return nil
}

// validHost tells whether b is uri-host [":" port] (RFC 9110 §7.2); both may be empty.
func validHost(b []byte) bool {
	if len(b) > 0 && b[0] == '[' {
		end := bytes.IndexByte(b, ']')
		return end > 0 && validIPv6(b[1:end]) && validPort(b[end+1:])
	}
	for i := 0; i < len(b); i++ {
		switch c := b[i]; {
		case classes[c]&classHost != 0:
		case c == ':':
			return i > 0 && validPort(b[i:])
		case c == '%' && i+2 < len(b) && hexDigit(b[i+1]) >= 0 && hexDigit(b[i+2]) >= 0:
			i += 2
		default:
			return false
		}
	}
	return true
}

func validIPv6(b []byte) bool {
	addr, err := netip.ParseAddr(string(b))
	return err == nil && addr.Is6() && addr.Zone() == ""
}

// validPort tells whether b is empty, or a colon and a port, which may be empty too.
func validPort(b []byte) bool {
	if len(b) == 0 {
		return true
	}
	if b[0] != ':' || len(b) > 6 {
		return false
	}
	port := 0
	for _, c := range b[1:] {
		if !isDigit(c) {
			return false
		}
		port = port*10 + int(c-'0')
	}
	return port <= 65535
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
