package golden

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"

	"wsgimatrix/matrix/diff"
	"wsgimatrix/matrix/mistake"
	"wsgimatrix/matrix/wire"
)

// Caller asks an app one request; *App does.
type Caller interface {
	Call(ctx context.Context, req Request, partial, validate bool) (*Answer, error)
}

// Change is what updating makes of a case file.
type Change struct {
	File     string
	Old, New []byte
	Diff     string // unified; empty when nothing changes
}

// Changed tells whether the file is to be written.
func (c *Change) Changed() bool { return !bytes.Equal(c.Old, c.New) }

// Update makes a case's expected parts from what the app answers. Parts that agree already,
// interim responses and what is sent stay as they are, to the letter; a case whose golden
// is `wire` is not touched at all. Nothing is written: the caller does that.
func Update(ctx context.Context, c *Case, app Caller) (*Change, error) {
	u := &updater{c: c, app: app, vars: Vars{}, conns: map[string]*stream{}}
	change := &Change{File: c.File, Old: c.source, New: c.source}
	if c.Golden == FromWire {
		return change, nil
	}
	for i := range c.Steps {
		if err := u.step(ctx, &c.Steps[i]); err != nil {
			return nil, &mistake.At{File: c.File, Line: c.Steps[i].Line, What: err.Error()}
		}
	}
	change.New = u.apply()
	if _, err := Parse(c.Name, c.File, change.New); err != nil {
		return nil, fmt.Errorf("what was made of %s cannot be read again: %w", c.File, err)
	}
	change.Diff = diff.Unified(c.File, c.File+" (updated)", string(change.Old), string(change.New), diffContext)
	return change, nil
}

// updater goes through a case's steps.
type updater struct {
	c     *Case
	app   Caller
	vars  Vars
	conns map[string]*stream
	edits []edit // in the order of the file
}

// stream is what was sent on one connection, and how many of its requests were answered.
type stream struct {
	sent     []byte
	answered int
}

// edit replaces a part of the file.
type edit struct {
	start, end int
	text       string
}

func (u *updater) step(ctx context.Context, step *Step) error {
	s := u.conns[step.Conn]
	if s == nil {
		s = &stream{}
		u.conns[step.Conn] = s
	}
	switch step.Kind {
	case Send:
		data, err := step.Bytes(u.vars)
		s.sent = append(s.sent, data...)
		return err
	case Expect:
		if step.Interim() {
			return nil
		}
		return u.expect(ctx, step, s)
	case Closed, Close, Reset:
		u.conns[step.Conn] = nil // the next send opens a new connection
	}
	return nil
}

func (u *updater) expect(ctx context.Context, step *Step, s *stream) error {
	requests := ReadRequests(s.sent)
	if s.answered >= len(requests) {
		return fmt.Errorf("no request on connection %q is left for this response to answer", step.Conn)
	}
	req := requests[s.answered]
	if !req.Complete {
		return fmt.Errorf(`what was sent on connection %q is no complete request that an app could be asked: say "golden: wire" and write the response by hand`, step.Conn)
	}
	s.answered++
	e := step.Golden[0]
	answer, err := u.app.Call(ctx, req, e.Extent == Partial, u.c.Validate == "")
	if err != nil {
		return err
	}
	for _, allowed := range step.Golden {
		if saved, ok := allowed.allows(answer, u.vars); ok {
			maps.Copy(u.vars, saved)
			return nil
		}
	}
	return u.rewrite(e, answer)
}

// allows tells whether an expectation agrees with an app's answer.
func (e *Expectation) allows(a *Answer, vars Vars) (Vars, bool) {
	if a.Failed {
		return nil, e.Status >= 500 && e.Extent == Whole
	}
	if e.Extent != Partial && e.Extent != a.Extent {
		return nil, false
	}
	return e.withoutServer().agrees(a.Response, vars)
}

// withoutServer is the expectation without the headers that no app could have made.
func (e *Expectation) withoutServer() *Expectation {
	copied := *e
	copied.fields = nil
	for _, f := range e.fields {
		if !serverOwned(f.name) {
			copied.fields = append(copied.fields, f)
		}
	}
	return &copied
}

// failure is the golden of an app that fails before its first chunk: the response is the server's own.
const failure = "500 Internal Server Error\n\\{any}\n\n\\{any}\n"

// rewrite makes e say what the app answered.
func (u *updater) rewrite(e *Expectation, a *Answer) error {
	if a.Failed {
		u.replace(e, failure, Whole)
		return nil
	}
	extent := a.Extent
	if e.Extent == Partial {
		extent = Partial
	}
	for _, keep := range []bool{true, false} { // lines that were kept may match one by one, but not as a whole
		made, err := u.reread(e, e.updated(a.Response, u.vars, keep), extent)
		if err != nil {
			return err
		}
		if saved, ok := made.allows(a, u.vars); ok {
			maps.Copy(u.vars, saved)
			u.replace(e, made.Text, extent)
			return nil
		}
	}
	return errors.New("the golden that was made does not match what it was made of")
}

// reread reads a section that was made, as the file will be read.
func (u *updater) reread(e *Expectation, text string, extent Extent) (*Expectation, error) {
	p := &parser{file: u.c.File, c: &Case{}}
	made := p.expectation(section{text: text, line: e.Line}, extent)
	if made == nil {
		return nil, p.mistakes[0]
	}
	return made, nil
}

// updated is a section that says what r says; with keep, in the golden's own words wherever those still match.
func (e *Expectation) updated(r *wire.Response, vars Vars, keep bool) string {
	body := writeBody(r.Body)
	if keep {
		if _, ok := e.body.match(r.Body, e.Extent == Partial, vars); ok && len(e.body) > 0 {
			return compose(e.updatedHead(r, vars), strings.TrimSuffix(e.Text[e.bodyStart:], "\n"))
		}
		body = e.keepHolds(body, string(r.Body), vars)
	}
	return compose(e.updatedHead(r, vars), body)
}

func (e *Expectation) updatedHead(r *wire.Response, vars Vars) []string {
	head := []string{statusText(r.Code, r.Reason)}
	if _, ok := e.reason.match([]byte(r.Reason), false, vars); ok && e.Status == r.Code {
		head[0] = e.statusSource
	}
	rows := e.align(r.Fields, vars)
	for i := range rows {
		g := rows[i].golden
		if rows[i].got == nil && g != nil && serverOwned(g.name) {
			head = append(head, g.source) // a case about the server's own header
		} else if text := rows[i].text(); text != "" {
			head = append(head, text)
		}
	}
	return append(head, e.lengthLine(r, rows)...)
}

// lengthLine is the Content-Length that an app sets and the golden does not have: comparing
// passes over it, but a golden that is made anew has it.
func (e *Expectation) lengthLine(r *wire.Response, rows []row) []string {
	for i := range rows {
		if rows[i].golden != nil && strings.EqualFold(rows[i].golden.name, "Content-Length") {
			return nil
		}
	}
	if lengths := r.Values("Content-Length"); len(lengths) > 0 && !e.anyFields {
		return []string{"Content-Length: " + lengths[0]}
	}
	return nil
}

func (u *updater) replace(e *Expectation, text string, extent Extent) {
	if extent != e.Extent {
		u.edits = append(u.edits, edit{e.markerStart, e.start, e.marker(u.c.source, extent)})
	}
	// A file without a line end at its last line still gets whole sections.
	u.edits = append(u.edits, edit{e.start, e.end, text})
}

// marker is the section's marker line, with another extent.
func (e *Expectation) marker(source []byte, extent Extent) string {
	line := strings.TrimSpace(string(source[e.markerStart:e.start]))
	words := strings.Fields(strings.TrimSuffix(strings.TrimPrefix(line, "--"), "--"))
	if e.Extent != Whole {
		words = words[:len(words)-1]
	}
	if extent != Whole {
		words = append(words, string(extent))
	}
	return "-- " + strings.Join(words, " ") + " --\n"
}

func (u *updater) apply() []byte {
	var b bytes.Buffer
	pos := 0
	for _, e := range u.edits {
		b.Write(u.c.source[pos:e.start])
		b.WriteString(e.text)
		pos = e.end
	}
	b.Write(u.c.source[pos:])
	return b.Bytes()
}
