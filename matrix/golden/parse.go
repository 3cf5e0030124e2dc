package golden

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/tools/txtar"

	"wsgimatrix/matrix/mistake"
)

// suffix ends the name of a case file.
const suffix = ".txtar"

// LoadDir reads every case file of a folder, in the order of their names. All mistakes are reported at once.
func LoadDir(dir string) ([]*Case, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var cases []*Case
	var mistakes []error
	for _, entry := range entries {
		if entry.IsDir() || filepath.Ext(entry.Name()) != suffix {
			continue
		}
		c, err := load(filepath.Join(dir, entry.Name()))
		if err != nil {
			mistakes = append(mistakes, err)
			continue
		}
		cases = append(cases, c)
	}
	return cases, errors.Join(mistakes...)
}

func load(file string) (*Case, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	return Parse(strings.TrimSuffix(filepath.Base(file), suffix), file, data)
}

// Parse reads one case file. Its error joins every mistake that was found.
func Parse(name, file string, data []byte) (*Case, error) {
	p := &parser{file: file, c: &Case{Name: name, File: file, Level: "must", Golden: FromApp, source: data}}
	archive := txtar.Parse(data)
	p.comment(string(archive.Comment))
	for _, s := range sections(data, archive) {
		p.section(s)
	}
	p.conversation()
	if len(p.mistakes) > 0 {
		return nil, errors.Join(p.mistakes...)
	}
	return p.c, nil
}

// section is one section of the file and where it stands there.
type section struct {
	name                    string
	text                    string
	line                    int // of the marker
	markerStart, start, end int
}

// sections finds where txtar's sections stand. The archive holds the data in order and
// whole, so that positions follow from lengths.
func sections(data []byte, archive *txtar.Archive) []section {
	var all []section
	pos := len(archive.Comment)
	for _, f := range archive.Files {
		s := section{name: f.Name, text: string(f.Data), markerStart: pos}
		s.line = 1 + bytes.Count(data[:pos], []byte("\n"))
		s.start = len(data)
		if i := bytes.IndexByte(data[pos:], '\n'); i >= 0 {
			s.start = pos + i + 1
		}
		s.end = min(s.start+len(f.Data), len(data))
		pos = s.end
		all = append(all, s)
	}
	return all
}

// parser gathers a case and its mistakes.
type parser struct {
	file     string
	c        *Case
	mistakes []error
}

func (p *parser) wrong(line int, format string, args ...any) {
	p.mistakes = append(p.mistakes, &mistake.At{File: p.file, Line: line, What: fmt.Sprintf(format, args...)})
}

// refuse records an error from a part that does not know the file.
func (p *parser) refuse(line int, err error) {
	var s *syntaxError
	if errors.As(err, &s) {
		p.wrong(s.line, "%s", s.what)
		return
	}
	p.wrong(line, "%s", err)
}

// sectionKinds are the words that begin a section's name.
var sectionKinds = map[string]Kind{
	"send": Send, "expect": Expect, "closed": Closed, "close": Close, "reset": Reset, "half-close": HalfClose,
	"begins": Begins, "load": Load, "every": Every, "tell": Tell, "ended": Ended, "pause": Pause, "logged": Logged,
}

// sectionOptions are the words that may end a section's name.
var sectionOptions = map[string][]string{
	"send":   {"raw", "more"},
	"closed": {"any"},
	"expect": {string(Partial), string(Truncated), "until"},
	"or":     {string(Partial), string(Truncated)},
}

func (p *parser) section(s section) {
	words, option, ok := p.option(s)
	if !ok {
		return
	}
	if words[0] == "or" {
		p.or(s, words, Extent(option))
		return
	}
	kind, ok := sectionKinds[words[0]]
	if !ok {
		known := append(slices.Collect(maps.Keys(sectionKinds)), "or")
		p.wrong(s.line, "%q is no section: %s", words[0], mistake.Nearest(words[0], known))
		return
	}
	step := Step{Kind: kind, Line: s.line, Name: s.name, More: option == "more", Any: option == "any", Until: option == "until", Times: 1}
	if order := orders[kind]; order != nil {
		ok = order(p, s, words, &step)
	} else {
		step.Conn, step.Times, ok = p.connection(s, words)
	}
	if ok {
		p.step(s, step, option)
	}
}

// extent is how much an expect of this option speaks of.
func extent(option string) Extent {
	if option == "until" {
		return Whole
	}
	return Extent(option)
}

// option takes the option off the end of a section's words.
func (p *parser) option(s section) (words []string, option string, ok bool) {
	words = strings.Fields(s.name)
	for last := len(words) - 1; last > 0 && slices.Contains(sectionOptions[words[0]], words[last]); last-- {
		if option != "" {
			p.wrong(s.line, "%s and %s do not go together in one section", words[last], option)
			return nil, "", false
		}
		option, words = words[last], words[:last]
	}
	return words, option, true
}

// connection reads CONN or CONN*N.
func (p *parser) connection(s section, words []string) (name string, times int, ok bool) {
	switch {
	case len(words) == 1:
		return "main", 1, true
	case len(words) > 2:
		p.wrong(s.line, "%q has too many words: a connection's name, then an option%s", s.name, options(words[0], words[len(words)-1]))
		return "", 0, false
	}
	name, count, several := strings.Cut(words[1], "*")
	if !nameShape.MatchString(name) {
		p.wrong(s.line, "%q is no name for a connection: letters, digits, - and _, a letter first", words[1])
		return "", 0, false
	}
	if !several {
		return name, 1, true
	}
	times, err := strconv.Atoi(count)
	if err != nil || times < 2 || times > mostConnections {
		p.wrong(s.line, "%q: the number of connections is from 2 to %d, not %q", words[1], mostConnections, count)
		return "", 0, false
	}
	return name, times, true
}

// options names the options that a section has.
func options(kind, word string) string {
	if len(sectionOptions[kind]) == 0 {
		return " (it has none)"
	}
	return ": " + mistake.Nearest(word, sectionOptions[kind])
}

func (p *parser) step(s section, step Step, option string) {
	switch step.Kind {
	case Send, Load:
		p.send(s, &step, option == "raw")
	case Expect, Every:
		p.expect(s, &step, extent(option))
	case Logged:
	default:
		if strings.TrimSpace(s.text) != "" {
			p.wrong(s.line+1, "a %s section holds nothing", step.Kind)
		}
	}
	p.c.Steps = append(p.c.Steps, step)
}

func (p *parser) send(s section, step *Step, raw bool) {
	step.Text = s.text
	tokens, err := lex(s.text, s.line+1, inSend)
	if err != nil {
		p.refuse(s.line, err)
		return
	}
	step.send = newMessage(tokens, raw, step.More)
	p.checkSend(s, step, raw)
}

func (p *parser) checkSend(s section, step *Step, raw bool) {
	m := step.send
	if len(m.head) == 0 && len(m.body) == 0 {
		if m.blank {
			p.wrong(s.line+1, `a send begins with its request line, not with a blank line: for anything else there is "-- send raw --"`)
			return
		}
		p.wrong(s.line, "this send sends nothing")
		return
	}
	if len(m.head) == 0 && !raw && !step.More {
		p.wrong(s.line+1, `a send begins with its request line, not with a blank line: for anything else there is "-- send raw --"`)
	}
	for i := range m.body {
		if t := &m.body[i]; t.kind == placeholder && t.hold.verb == "length" {
			p.wrong(t.line, `\{length} counts a body, and stands in the head before it`)
		}
	}
}

func (p *parser) expect(s section, step *Step, extent Extent) {
	if e := p.expectation(s, extent); e != nil {
		step.Golden = append(step.Golden, e)
	}
}

func (p *parser) or(s section, words []string, extent Extent) {
	if len(words) > 1 {
		p.wrong(s.line, "an or section names no connection: it is that of the expect before it%s", options("or", words[1]))
		return
	}
	n := len(p.c.Steps)
	if n == 0 || len(p.c.Steps[n-1].Golden) == 0 {
		p.wrong(s.line, "an or section stands directly after an expect or an every, or after another or")
		return
	}
	p.expect(s, &p.c.Steps[n-1], extent)
}
