package http1

import "encoding/binary"

// The classes of bytes that the grammar of RFC 9110 and RFC 9112 is made of.
const (
	classToken  = 1 << iota // tchar, RFC 9110 §5.6.2
	classTarget             // may stand in a request target
	classValue              // may stand in a field value: no CTL but HTAB, RFC 9110 §5.5
	classHost               // unreserved and sub-delims, RFC 3986 §3.2.2
)

var classes = makeClasses()

func makeClasses() (t [256]uint8) {
	for c := range t {
		if c >= 0x20 && c != 0x7f || c == '\t' {
			t[c] |= classValue
		}
		// Bytes from 0x80 on are no URI, but clients send them, no two readers frame
		// them differently, and PEP 3333 can express them: they go through as they are.
		if c > 0x20 && c != 0x7f && c != '#' {
			t[c] |= classTarget
		}
	}
	mark(&t, alphanumeric+"!#$%&'*+-.^_`|~", classToken)
	mark(&t, alphanumeric+"-._~!$&'()*+,;=", classHost)
	return t
}

const alphanumeric = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

func mark(t *[256]uint8, chars string, class uint8) {
	for i := range len(chars) {
		t[chars[i]] |= class
	}
}

// span counts the leading bytes of b that are of a class.
func span(b []byte, class uint8) int {
	for i, c := range b {
		if classes[c]&class == 0 {
			return i
		}
	}
	return len(b)
}

const (
	ones = 0x0101010101010101
	tops = 0x8080808080808080
)

// validValue tells whether b may be a field value. It looks at eight bytes at a time, for
// most bytes of a request are values, and takes the slow way where one of them is a CTL.
func validValue(b []byte) bool {
	if len(b) < 8 {
		return span(b, classValue) == len(b)
	}
	for i := 0; i+8 <= len(b); i += 8 {
		if hasControl(binary.LittleEndian.Uint64(b[i:])) {
			return span(b, classValue) == len(b)
		}
	}
	last := b[len(b)-8:] // overlaps what was looked at already
	return !hasControl(binary.LittleEndian.Uint64(last)) || span(last, classValue) == 8
}

// hasControl tells whether one of eight bytes is below 0x20 or is 0x7f.
func hasControl(w uint64) bool {
	low := (w - ones*0x20) & ^w
	del := w ^ ones*0x7f
	del = (del - ones) & ^del
	return (low|del)&tops != 0
}

// equalFold compares b with an ASCII string of lower-case letters, digits and hyphens.
// b must hold no control bytes: to it CR is a hyphen.
func equalFold(b []byte, lower string) bool {
	if len(b) != len(lower) {
		return false
	}
	for i := range len(lower) {
		if b[i]|0x20 != lower[i] {
			return false
		}
	}
	return true
}

// trim removes optional white space, RFC 9110 §5.6.3.
func trim(b []byte) []byte {
	for len(b) > 0 && isBlank(b[0]) {
		b = b[1:]
	}
	for len(b) > 0 && isBlank(b[len(b)-1]) {
		b = b[:len(b)-1]
	}
	return b
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' }

// hexDigit is the value of a hexadecimal digit, or -1.
func hexDigit(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c|0x20 && c|0x20 <= 'f':
		return int(c|0x20-'a') + 10
	}
	return -1
}
