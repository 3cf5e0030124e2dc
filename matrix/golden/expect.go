package golden

import (
	"regexp"
	"strconv"
	"strings"
)

// anyLine is the header line that allows any further headers.
const anyLine = `\{any}`

var (
	statusShape = regexp.MustCompile(`^([1-9][0-9]{2})(?: |$)`)
	tokenShape  = regexp.MustCompile("^[!#$%&'*+.^_`|~0-9A-Za-z-]+$") // RFC 9110 §5.6.2
)

// expectation reads one allowed response; nil when it holds a mistake.
func (p *parser) expectation(s section, extent Extent) *Expectation {
	e := &Expectation{
		File: p.file, Line: s.line, Text: s.text, Extent: extent,
		start: s.start, end: s.end, markerStart: s.markerStart, bodyStart: len(s.text),
	}
	mistakes := len(p.mistakes)
	tokens, err := lex(s.text, s.line+1, inExpect)
	if err != nil {
		p.refuse(s.line, err)
		return nil
	}
	head, body, _ := headAndBody(tokens)
	e.body = body
	if len(body) > 0 {
		e.bodyStart = body[0].start
	}
	if err := e.body.checkDigests(); err != nil {
		p.refuse(s.line, err)
	}
	p.head(e, lines(head))
	if len(p.mistakes) > mistakes {
		return nil
	}
	return e
}

func (p *parser) head(e *Expectation, all [][]token) {
	if len(all) == 0 {
		p.wrong(e.Line, `an expect begins with a status line such as "200 OK"`)
		return
	}
	p.status(e, all[0])
	for _, line := range all[1:] {
		p.field(e, line)
	}
	for i := range e.fields {
		if err := e.fields[i].value.checkDigests(); err != nil {
			p.refuse(e.Line, err)
		}
	}
}

func (p *parser) status(e *Expectation, line []token) {
	e.statusSource = source(e.Text, line)
	var m []string
	if line[0].kind == textToken {
		m = statusShape.FindStringSubmatch(string(line[0].text))
	}
	if m == nil {
		p.wrong(line[0].line, `%q is not a status line: write three digits, a space and the reason phrase, as in "200 OK"%s`,
			e.statusSource, statusHint(e.statusSource))
		return
	}
	e.Status, _ = strconv.Atoi(m[1])
	e.reason = append(pattern(nil), line...)
	e.reason[0].text = e.reason[0].text[len(m[0]):]
}

// statusHint says what is most often wrong with a status line.
func statusHint(line string) string {
	if strings.HasPrefix(line, "HTTP/") {
		return "; the version is not part of it"
	}
	return ""
}

func (p *parser) field(e *Expectation, line []token) {
	f := field{source: source(e.Text, line)}
	if f.source == anyLine {
		e.anyFields = true
		e.fields = append(e.fields, f)
		return
	}
	name, rest, ok := strings.Cut(string(line[0].text), ":")
	if line[0].kind != textToken || !ok {
		p.wrong(line[0].line, `%q is not a header line: write "Name: value", or \{any} alone; a blank line comes before the body`, f.source)
		return
	}
	if !tokenShape.MatchString(name) {
		p.wrong(line[0].line, "%q is not the name of a header", name)
		return
	}
	f.name = name
	f.value = append(pattern(nil), line...)
	f.value[0].text = []byte(rest)
	f.value = f.value.trimSpace()
	e.fields = append(e.fields, f)
}

// source is what the file says for tokens of one line.
func source(text string, line []token) string {
	return text[line[0].start:line[len(line)-1].end]
}
