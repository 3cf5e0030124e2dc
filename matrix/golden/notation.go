package golden

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"wsgimatrix/matrix/wire"
)

// writeOut writes bytes as a case file does: what can be seen as it is, the rest as escapes.
// Line feeds end lines where multi is set.
func writeOut(data []byte, multi bool) string {
	var b strings.Builder
	for len(data) > 0 {
		r, n := utf8.DecodeRune(data)
		switch {
		case r == '\n' && multi:
			b.WriteByte('\n')
		case r == ' ' && atEdge(data[1:]):
			b.WriteString(`\x20`) // white space at the end of a line cannot be seen, and gets lost
		case r == '-' && marksSection(b.String(), data):
			b.WriteString(`\x2d`)
		case r < utf8.RuneSelf || r == utf8.RuneError && n == 1:
			writeByte(&b, data[0])
		case unicode.IsPrint(r):
			b.Write(data[:n])
		default:
			for _, c := range data[:n] {
				fmt.Fprintf(&b, `\x%02x`, c)
			}
		}
		data = data[n:]
	}
	return b.String()
}

func writeByte(b *strings.Builder, c byte) {
	switch {
	case c == '\\':
		b.WriteString(`\\`)
	case c >= ' ' && c < 0x7f:
		b.WriteByte(c)
	case c == 0:
		b.WriteString(`\0`)
	case strings.IndexByte("\r\n\t", c) >= 0:
		b.WriteString(strings.Trim(strconv.Quote(string(rune(c))), `"`))
	default:
		fmt.Fprintf(b, `\x%02x`, c)
	}
}

// atEdge tells whether a line ends here.
func atEdge(rest []byte) bool { return len(rest) == 0 || rest[0] == '\n' }

// marksSection tells whether data, after written, begins a line that would look like a section's marker.
func marksSection(written string, data []byte) bool {
	return (written == "" || strings.HasSuffix(written, "\n")) && bytes.HasPrefix(data, []byte("-- "))
}

// maxInFile is how large a body may be and still be written out; a larger one is named by its digest.
const maxInFile = 16 << 10

// writeBody writes a body as a golden would, for a file.
func writeBody(body []byte) string {
	if len(body) > maxInFile {
		return fmt.Sprintf(`\{sha256 %d %x}`, len(body), sha256.Sum256(body))
	}
	return writeOut(body, true)
}

// maxShown is how much of a body is shown, at its beginning and at its end.
const maxShown = 2 << 10

// showBody writes a body for a reader: a big one is cut, and named by its digest.
func showBody(body []byte) string {
	if len(body) <= 2*maxShown {
		return writeOut(body, true)
	}
	cut := len(body) - 2*maxShown
	return fmt.Sprintf("%s\n… %d bytes are not shown: \\{sha256 %d %x} …\n%s",
		writeOut(body[:maxShown], true), cut, len(body), sha256.Sum256(body), writeOut(body[len(body)-maxShown:], true))
}

// statusText is a status line as a golden has it.
func statusText(code int, reason string) string {
	return strings.TrimSuffix(fmt.Sprintf("%03d %s", code, writeOut([]byte(reason), false)), " ")
}

func fieldText(f wire.Field) string {
	return strings.TrimSuffix(f.Name+": "+writeOut([]byte(f.Value), false), " ")
}

// Format shows a response as a golden would write it, without what belongs to the server.
func Format(r *wire.Response) string {
	if !r.Head() {
		return showBody(r.Raw)
	}
	head := []string{statusText(r.Code, r.Reason)}
	for _, f := range r.Fields {
		if !serverOwned(f.Name) {
			head = append(head, fieldText(f))
		}
	}
	return compose(head, showBody(r.Body))
}

// compose puts a section together: the head, a blank line, the body, and the section's own line end.
func compose(head []string, body string) string {
	text := strings.Join(head, "\n") + "\n\n"
	if body != "" {
		text += body + "\n"
	}
	return text
}

// serverOwned tells whether a header is judged by rules, not by the golden.
func serverOwned(name string) bool {
	switch strings.ToLower(name) {
	case "date", "server", "via", "connection", "keep-alive", "transfer-encoding":
		return true
	}
	return false
}
