package finding

import (
	"bytes"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// What a transcript ends with.
const (
	closes = "-- the server closes the connection --"
	stays  = "-- nothing more comes, and the connection stays open --"
)

var printed = regexp.MustCompile(`(?s)\Aprintf '([^']*)'(?: 0)? \| nc -q 2 127\.0\.0\.1 8000\n\z`)

// Bytes is what the command sends.
func (x Exchange) Bytes() ([]byte, error) {
	m := printed.FindStringSubmatch(x.Sent)
	if m == nil {
		return nil, fmt.Errorf("what is sent must be one line: printf '…' | nc -q 2 127.0.0.1 8000")
	}
	return unescape(m[1])
}

var escape = regexp.MustCompile(`\\x[0-9a-f]{2}|\\.|%%|%0\d+d|%|\n`)

// unescape reads bash's printf: \r \n \t \\ \xNN, %% and, of the argument 0, %0Nd.
func unescape(text string) (out []byte, err error) {
	out = escape.ReplaceAllFunc([]byte(text), func(m []byte) []byte {
		s := string(m)
		switch {
		case strings.HasPrefix(s, `\x`) && len(s) == 4:
			n, _ := strconv.ParseUint(s[2:], 16, 8) // two hexadecimal digits
			return []byte{byte(n)}
		case len(s) > 2 && s[0] == '%':
			n, _ := strconv.Atoi(s[1 : len(s)-1])
			return bytes.Repeat([]byte("0"), n)
		case single[s] != "":
			return []byte(single[s])
		}
		err = fmt.Errorf("%q is none of \\r \\n \\t \\\\ \\xNN %%%% %%0Nd", s)
		return m
	})
	return out, err
}

var single = map[string]string{`\r`: "\r", `\n`: "\n", `\t`: "\t", `\\`: `\`, `%%`: "%"}

var imfDate = `[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT`

var (
	dateNow = regexp.MustCompile(imfDate)
	address = regexp.MustCompile(`\b(?:10\.\d+|172\.\d+|192\.168)\.\d+\.\d+\b`)
	host    = regexp.MustCompile(`\b[0-9a-f]{12}\b`) // the name that an engine gives a container
)

// Transcript writes what came as a file shows it: a line end in it ends a line, and is shown; what
// differs from one time to the next is a placeholder.
func Transcript(came []byte, closed bool) string {
	var b strings.Builder
	for _, c := range came {
		switch {
		case c == '\n':
			b.WriteString("\\n\n")
		case c == '\r':
			b.WriteString(`\r`)
		case c == '\t':
			b.WriteString(`\t`)
		case c == '\\':
			b.WriteString(`\\`)
		case c < 0x20 || c >= 0x7f:
			fmt.Fprintf(&b, `\x%02x`, c)
		default:
			b.WriteByte(c)
		}
	}
	text := b.String()
	text = dateNow.ReplaceAllLiteralString(text, "{date}")
	text = address.ReplaceAllLiteralString(text, "{address}")
	text = host.ReplaceAllLiteralString(text, "{host}")
	if text != "" && !strings.HasSuffix(text, "\n") {
		text += "\n"
	}
	if closed {
		return text + closes + "\n"
	}
	return text + stays + "\n"
}
