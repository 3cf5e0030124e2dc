package golden

import (
	"fmt"
	"net/http"
	"strings"

	"wsgimatrix/matrix/diff"
	"wsgimatrix/matrix/wire"
)

// diffContext is how many lines stand around a difference.
const diffContext = 3

// Verdict is what comparing a response with its golden found.
type Verdict struct {
	Differences []string // in words; none: the response is as it has to be
	Diff        string   // unified, of the golden and the normalised response
	Saved       Vars     // what the golden's `save` kept
	Late        bool     // all that differs is when the bytes came
}

// Compare holds a response against a step's allowed ones, and against the rules for every response.
func Compare(step *Step, r *wire.Response, req Request, vars Vars) Verdict {
	var best *comparison
	for _, e := range step.Golden {
		c := e.compare(r, vars)
		if best == nil || c.better(best) {
			best = c
		}
	}
	v := Verdict{Differences: append(best.differences, rules(r, req)...), Saved: best.saved}
	if len(best.differences) > 0 {
		v.Diff = best.diff(r, vars)
	}
	v.Late = best.late > 0 && best.late == len(v.Differences)
	return v
}

// Enough gives the test that ends the reading of a response early, or nil when it is to be read whole.
func (s *Step) Enough(vars Vars) func(*wire.Response) bool {
	var partial []*Expectation
	for _, e := range s.Golden {
		if e.Extent == Partial {
			partial = append(partial, e)
		}
	}
	if len(partial) == 0 {
		return nil
	}
	return func(r *wire.Response) bool {
		for _, e := range partial {
			if e.decides(r.Body, vars) {
				return true
			}
		}
		return false
	}
}

// decides tells whether a body is long enough to say whether it begins as expected.
func (e *Expectation) decides(body []byte, vars Vars) bool {
	if n, ok := e.body.length(vars); ok {
		return len(body) >= n
	}
	_, ok := e.body.match(body, true, vars)
	return ok
}

// comparison is one expectation beside one response.
type comparison struct {
	e           *Expectation
	rows        []row
	differences []string
	saved       Vars
	sameStatus  bool
	timed       bool // the response came over a wire: pauses count
	late        int  // differences that are about when bytes came
}

// better tells whether c says more about what went wrong than other does.
func (c *comparison) better(other *comparison) bool {
	if len(c.differences) == 0 || len(other.differences) == 0 {
		return len(other.differences) > 0 && len(c.differences) == 0
	}
	if c.sameStatus != other.sameStatus {
		return c.sameStatus
	}
	return len(c.differences) < len(other.differences)
}

func (c *comparison) differ(format string, args ...any) {
	c.differences = append(c.differences, fmt.Sprintf(format, args...))
}

func (c *comparison) learn(f *found) {
	if f == nil {
		return
	}
	for name, value := range f.saved {
		c.saved[name] = value
	}
}

func (e *Expectation) compare(r *wire.Response, vars Vars) *comparison {
	c := &comparison{e: e, saved: Vars{}, timed: true}
	if !r.Head() {
		c.differ("no response: %s", r.Stopped)
		return c
	}
	c.content(r, vars)
	c.extent(r)
	return c
}

// content compares what the app said: status, headers, body.
func (c *comparison) content(r *wire.Response, vars Vars) {
	c.status(r, vars)
	c.rows = c.e.align(r.Fields, vars)
	for i := range c.rows {
		c.header(&c.rows[i])
	}
	c.body(r, vars)
}

func (c *comparison) status(r *wire.Response, vars Vars) {
	learned, ok := c.e.reason.match([]byte(r.Reason), false, vars)
	c.sameStatus = r.Code == c.e.Status
	// The phrase of an interim response is the server's own.
	if c.e.Interim() || c.e.standard() && (r.Reason == "" || r.Reason == http.StatusText(r.Code)) {
		learned, ok = &found{}, true
	}
	if !c.sameStatus || !ok {
		c.differ("the status is %s, not %s", statusText(r.Code, r.Reason), c.e.statusSource)
		return
	}
	c.learn(learned)
}

// standard tells whether the reason phrase is, but for case, the one that the code has anyway: a server
// may leave it out or restore it. Servers that speak ASGI do, which has no place for the application's;
// it is optional, and for people (RFC 9112 §4).
func (e *Expectation) standard() bool {
	text, ok := plain(e.reason)
	return ok && len(text) > 0 && strings.EqualFold(string(text), http.StatusText(e.Status))
}

func (c *comparison) header(r *row) {
	switch {
	case r.agrees:
		c.learn(r.learned)
	case r.got == nil:
		c.differ("header %s is missing", r.golden.source)
	case r.golden == nil:
		c.differ("header %s is additional", fieldText(*r.got))
	default:
		c.differ("header %s, not %s", fieldText(*r.got), r.golden.source)
	}
}

func (c *comparison) body(r *wire.Response, vars Vars) {
	learned, ok := c.e.body.match(r.Body, c.e.Extent == Partial, vars)
	if !ok {
		c.differ("%s", c.e.bodyDifference(r.Body))
		return
	}
	c.learn(learned)
	if c.timed {
		c.pauses(r, learned)
	}
}

func (c *comparison) pauses(r *wire.Response, learned *found) {
	for _, pause := range learned.pauses {
		came := r.Arrival(pause.offset).Sub(r.Arrival(pause.offset - 1))
		if came < pause.least {
			c.late++
			c.differ("body byte %d came %s after the one before, not at least %s: chunks are held back (C51)",
				pause.offset, came.Round(100_000), pause.least)
		}
	}
}

// bodyDifference says how a body differs.
func (e *Expectation) bodyDifference(body []byte) string {
	text, ok := plain(e.body)
	if !ok {
		return fmt.Sprintf("the body, of %d bytes, does not match", len(body))
	}
	verb := "not"
	if e.Extent == Partial {
		verb = "and has to begin with"
	}
	if len(body) == len(text) {
		return fmt.Sprintf("the body, of %d bytes, differs: %s", len(body), firstDifference(body, text))
	}
	return fmt.Sprintf("the body has %d bytes, %s %d: %s", len(body), verb, len(text), firstDifference(body, text))
}

// firstDifference says where two unequal byte strings part.
func firstDifference(got, want []byte) string {
	i := 0
	for i < len(got) && i < len(want) && got[i] == want[i] {
		i++
	}
	switch {
	case i == len(got):
		return "it ends before " + excerpt(want[i:])
	case i == len(want):
		return "after it comes " + excerpt(got[i:])
	}
	return fmt.Sprintf("at byte %d stands %s, not %s", i, excerpt(got[i:]), excerpt(want[i:]))
}

func excerpt(data []byte) string {
	if len(data) > 30 {
		return "‘" + writeOut(data[:30], false) + "…’"
	}
	return "‘" + writeOut(data, false) + "’"
}

// extent compares how far the response went.
func (c *comparison) extent(r *wire.Response) {
	switch c.e.Extent {
	case Whole:
		if !r.Complete && r.End != wire.Enough {
			c.differ("the response is not complete: %s", r.Stopped)
		} else if !r.Complete {
			c.differ("the response goes on as another that is allowed in part")
		}
	case Truncated:
		if r.Complete && r.Framing != wire.ByClose {
			c.differ("the response is complete by its framing (%s), though it was cut short: the client cannot tell (C56)", r.Framing)
		} else if !r.Complete && !r.End.Closed() {
			c.differ("the connection stays open after a response that was cut short: %s", r.Stopped)
		}
	}
}

// diff is the golden against the response, normalised: what agrees is shown as the golden writes it.
func (c *comparison) diff(r *wire.Response, vars Vars) string {
	return diff.Unified("golden", "received", c.e.shown(), c.normalised(r, vars), diffContext)
}

// shown is the golden, with a big body cut.
func (e *Expectation) shown() string {
	body := strings.TrimSuffix(e.Text[e.bodyStart:], "\n")
	if text, ok := plain(e.body); ok && len(text) > 2*maxShown {
		body = showBody(text)
	}
	head := []string{e.statusSource}
	for i := range e.fields {
		head = append(head, e.fields[i].source)
	}
	return compose(head, body)
}

func (c *comparison) normalised(r *wire.Response, vars Vars) string {
	if !r.Head() {
		return showBody(r.Raw)
	}
	head := []string{statusText(r.Code, r.Reason)}
	if _, ok := c.e.reason.match([]byte(r.Reason), false, vars); ok && c.sameStatus {
		head[0] = c.e.statusSource
	}
	for i := range c.rows {
		if text := c.rows[i].text(); text != "" {
			head = append(head, text)
		}
	}
	return compose(head, c.normalisedBody(r, vars))
}

func (c *comparison) normalisedBody(r *wire.Response, vars Vars) string {
	e := c.e
	if _, ok := e.body.match(r.Body, e.Extent == Partial, vars); ok {
		return strings.TrimSuffix(strings.TrimPrefix(e.shown(), compose(e.headSources(), "")), "\n")
	}
	body := r.Body
	if text, ok := plain(e.body); ok && e.Extent == Partial && len(body) > len(text) {
		body = body[:len(text)]
	}
	return e.keepHolds(showBody(body), string(body), vars)
}

func (e *Expectation) headSources() []string {
	head := []string{e.statusSource}
	for i := range e.fields {
		head = append(head, e.fields[i].source)
	}
	return head
}

// agrees tells whether what an app said is what the golden says.
func (e *Expectation) agrees(r *wire.Response, vars Vars) (Vars, bool) {
	c := &comparison{e: e, saved: Vars{}}
	c.content(r, vars)
	return c.saved, len(c.differences) == 0
}
