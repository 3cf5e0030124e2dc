package golden

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
)

// token is a piece of a section: text, a line end that structures the file, or a placeholder.
type token struct {
	kind       tokenKind
	text       []byte // of a text, with its escapes undone
	hold       *hold  // of a placeholder
	start, end int    // in the section
	line       int    // in the file
}

type tokenKind int

const (
	textToken tokenKind = iota
	lineEnd
	placeholder
)

// lexer cuts a section into tokens.
type lexer struct {
	source string
	pos    int
	line   int
	side   side
	tokens []token
}

// syntaxError is a mistake whose file is not known yet.
type syntaxError struct {
	line int
	what string
}

func (e *syntaxError) Error() string { return fmt.Sprintf("line %d: %s", e.line, e.what) }

// lex cuts source, whose first line is the file's line number line.
func lex(source string, line int, s side) ([]token, error) {
	l := &lexer{source: source, line: line, side: s}
	for l.pos < len(l.source) {
		if err := l.next(); err != nil {
			return nil, err
		}
	}
	return l.tokens, nil
}

func (l *lexer) next() error {
	switch c := l.source[l.pos]; c {
	case '\n':
		l.add(token{kind: lineEnd}, 1)
		l.line++
	case '\r':
		return l.wrong(`a carriage return stands in the file: line ends are single line feeds; write \r for one that is meant`)
	case '\\':
		return l.escape()
	default:
		n := strings.IndexAny(l.source[l.pos:], "\\\n\r")
		if n < 0 {
			n = len(l.source) - l.pos
		}
		l.literal([]byte(l.source[l.pos:l.pos+n]), n)
	}
	return nil
}

func (l *lexer) escape() error {
	rest := l.source[l.pos+1:]
	switch {
	case rest == "" || rest == "\n":
		return l.wrong(`a \ that ends the section joins with nothing: drop it, or write \\`)
	case rest[0] == '\n':
		l.pos += 2
		l.line++
	case rest[0] == '{':
		return l.placeholder()
	default:
		value, n := unescape(rest)
		if n == 0 {
			return l.wrong(fmt.Sprintf(`\%c is no escape: there are \\ \r \n \t \0 \xNN and \{…}`, []rune(rest)[0]))
		}
		l.literal([]byte{value}, n+1)
	}
	return nil
}

// unescape reads what follows a backslash; n is how long it is, 0 when it is no escape.
func unescape(s string) (value byte, n int) {
	if i := strings.IndexByte(`\rnt0`, s[0]); i >= 0 {
		return "\\\r\n\t\x00"[i], 1
	}
	if s[0] != 'x' || len(s) < 3 {
		return 0, 0
	}
	n64, err := strconv.ParseUint(s[1:3], 16, 8)
	if err != nil {
		return 0, 0
	}
	return byte(n64), 3
}

// placeholder reads \{VERB ARGUMENTS}; braces inside the arguments pair up.
func (l *lexer) placeholder() error {
	inner, ok := paired(l.source[l.pos+2:])
	if !ok {
		return l.wrong(`\{ has no } on its line; braces inside a placeholder must pair up`)
	}
	h, err := parseHold(inner, l.side)
	if err != nil {
		return l.wrong(err.Error())
	}
	h.line = l.line
	l.add(token{kind: placeholder, hold: h}, len(inner)+3)
	return nil
}

// paired returns s up to the } that closes it. A backslash takes away a brace's meaning.
func paired(s string) (string, bool) {
	depth := 0
	for i := 0; i < len(s) && s[i] != '\n'; i++ {
		switch s[i] {
		case '\\':
			i++
		case '{':
			depth++
		case '}':
			if depth == 0 {
				return s[:i], true
			}
			depth--
		}
	}
	return "", false
}

// literal adds text, to the token before it where that is text on the same line too.
func (l *lexer) literal(text []byte, n int) {
	if k := len(l.tokens) - 1; k >= 0 && l.tokens[k].kind == textToken {
		l.tokens[k].text = append(l.tokens[k].text, text...)
		l.pos += n
		l.tokens[k].end = l.pos
		return
	}
	l.add(token{kind: textToken, text: text}, n)
}

func (l *lexer) add(t token, n int) {
	t.start, t.end, t.line = l.pos, l.pos+n, l.line
	l.tokens = append(l.tokens, t)
	l.pos += n
}

func (l *lexer) wrong(what string) error { return &syntaxError{l.line, what} }

// lines splits tokens at their line ends. What follows the last line end is a line too, if anything does.
func lines(tokens []token) [][]token {
	var all [][]token
	start := 0
	for i := range tokens {
		if tokens[i].kind == lineEnd {
			all = append(all, tokens[start:i])
			start = i + 1
		}
	}
	if start < len(tokens) {
		all = append(all, tokens[start:])
	}
	return all
}

// headAndBody splits at the first blank line. The body loses its last line end, which is the section's.
func headAndBody(tokens []token) (head, body []token, blank bool) {
	for i := range tokens {
		if tokens[i].kind == lineEnd && (i == 0 || tokens[i-1].kind == lineEnd) {
			return tokens[:i], dropLastLineEnd(tokens[i+1:]), true
		}
	}
	return tokens, nil, false
}

func dropLastLineEnd(tokens []token) []token {
	if n := len(tokens); n > 0 && tokens[n-1].kind == lineEnd {
		return tokens[:n-1]
	}
	return tokens
}

// plain is the text of tokens that hold no placeholder, line ends as LF.
func plain(tokens []token) (text []byte, ok bool) {
	var b bytes.Buffer
	for i := range tokens {
		switch tokens[i].kind {
		case placeholder:
			return nil, false
		case lineEnd:
			b.WriteByte('\n')
		default:
			b.Write(tokens[i].text)
		}
	}
	return b.Bytes(), true
}
