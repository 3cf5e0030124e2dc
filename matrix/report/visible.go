package report

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxShown is how much of one text a report shows; results.json has the whole.
const maxShown = 64 << 10

// visible writes text so that every byte of it can be seen, as case files do: \r \t \0 \xNN.
// Line feeds stay line ends. What is printable, the backslash too, stays as it is.
func visible(text string) string {
	var b strings.Builder
	for len(text) > 0 {
		r, n := utf8.DecodeRuneInString(text)
		if r == '\n' || seen(r, n) {
			b.WriteString(text[:n])
		} else {
			b.WriteString(escape(text[:n]))
		}
		text = text[n:]
	}
	return b.String()
}

// seen tells whether a rune leaves a mark of its own, and cannot move others about: controls,
// direction marks, zero-width and unusual spaces do not, nor do bytes that are no UTF-8.
func seen(r rune, n int) bool {
	return unicode.IsPrint(r) && (r != utf8.RuneError || n > 1)
}

// escape writes bytes as a case file does.
func escape(data string) string {
	switch data {
	case "\r":
		return `\r`
	case "\n":
		return `\n`
	case "\t":
		return `\t`
	case "\x00":
		return `\0`
	}
	var b strings.Builder
	for i := range len(data) {
		fmt.Fprintf(&b, `\x%02x`, data[i])
	}
	return b.String()
}

// oneLine writes text visibly and on one line.
func oneLine(text string) string { return strings.ReplaceAll(visible(text), "\n", `\n`) }

// cut shortens text to max bytes at most, at its end, and says what is left out.
func cut(text string, max int) (kept, note string) {
	if len(text) <= max {
		return text, ""
	}
	kept = text[:runeStart(text, max)]
	return kept, fmt.Sprintf("%s of %s bytes are not shown here: results.json has the whole.",
		thousands(len(text)-len(kept)), thousands(len(text)))
}

// cutFront does the same at the beginning: of a log, the end counts.
func cutFront(text string, max int) (kept, note string) {
	if len(text) <= max {
		return text, ""
	}
	from := runeStart(text, len(text)-max)
	return text[from:], fmt.Sprintf("The first %s of %s bytes are not shown here: results.json has the whole.",
		thousands(from), thousands(len(text)))
}

// runeStart is where the rune that byte i belongs to begins, if it is one.
func runeStart(text string, i int) int {
	for back := range utf8.UTFMax {
		if i-back >= 0 && utf8.RuneStart(text[i-back]) {
			return i - back
		}
	}
	return i
}

// span is a run of text of one kind.
type span struct {
	Kind string // "": as it is; "x": an escape; "h": a placeholder; "w": white space at a line's end
	Text string
}

// spans collects runs of text; neighbours of one kind become one.
type spans struct {
	done []span
	kind string
	text strings.Builder
}

func (s *spans) add(kind, text string) {
	if kind != s.kind {
		s.flush()
		s.kind = kind
	}
	s.text.WriteString(text)
}

func (s *spans) flush() {
	if s.text.Len() > 0 {
		s.done = append(s.done, span{s.kind, s.text.String()})
		s.text.Reset()
	}
}

func (s *spans) all() []span {
	s.flush()
	return s.done
}

// notation splits one line in the notation of case files into its kinds.
func notation(line string) []span {
	var s spans
	body := strings.TrimRight(line, " ")
	for i := 0; i < len(body); {
		kind, n := notationAt(body[i:])
		text := body[i : i+n]
		if kind == "x" && text[0] != '\\' {
			text = escape(text)
		}
		s.add(kind, text)
		i += n
	}
	s.trailing(len(line) - len(body))
	return s.all()
}

// maxHold is how long a placeholder may be that is shown as one.
const maxHold = 1 << 10

// notationAt is what stands at the beginning of text, and how long it is.
func notationAt(text string) (kind string, n int) {
	if text[0] != '\\' {
		r, n := utf8.DecodeRuneInString(text)
		if seen(r, n) {
			return "", plainRun(text, n)
		}
		return "x", n
	}
	switch {
	case strings.HasPrefix(text, `\{`):
		if end := strings.IndexByte(text[:min(len(text), maxHold)], '}'); end > 0 && visible(text[:end+1]) == text[:end+1] {
			return "h", end + 1
		}
	case strings.HasPrefix(text, `\x`) && len(text) >= 4 && visible(text[:4]) == text[:4]:
		return "x", 4
	case len(text) >= 2 && strings.IndexByte(`rnt0\`, text[1]) >= 0:
		return "x", 2
	}
	return "", 1
}

// plainRun is how far printable ASCII that begins nothing goes on: at least n bytes.
func plainRun(text string, n int) int {
	for n < len(text) && text[n] >= ' ' && text[n] < 0x7f && text[n] != '\\' {
		n++
	}
	return n
}

// raw splits one line of bytes as they came into its kinds; its line end, if it has one, is part of it.
func raw(line string) []span {
	var s spans
	text := strings.TrimRight(line, "\r\n")
	body := strings.TrimRight(text, " ")
	for rest := body; len(rest) > 0; {
		r, n := utf8.DecodeRuneInString(rest)
		switch {
		case r == '\\':
			s.add("x", `\\`)
		case seen(r, n):
			n = plainRun(rest, n)
			s.add("", rest[:n])
		default:
			s.add("x", escape(rest[:n]))
		}
		rest = rest[n:]
	}
	s.trailing(len(text) - len(body))
	for i := range len(line) - len(text) {
		s.add("x", escape(line[len(text)+i:len(text)+i+1]))
	}
	return s.all()
}

func (s *spans) trailing(spaces int) {
	if spaces > 0 {
		s.add("w", strings.Repeat("·", spaces))
	}
}
