package run

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"wsgimatrix/matrix/golden"
	"wsgimatrix/matrix/results"
	"wsgimatrix/matrix/wire"
)

// lateTries is how often a conversation is held of which nothing differs but when bytes came. A
// machine under load hands a client together what was sent apart; a server that holds chunks back
// does so each time.
const lateTries = 3

// Play holds one conversation with the server at addr and says how it went. Its outcome is
// pass, fail, or error when the runner could not tell. It leaves no connection open.
func Play(ctx context.Context, addr string, c *golden.Case, limits Limits) results.Case {
	return PlayWith(ctx, addressed(addr), c, limits)
}

// PlayWith is Play with a server that can be told something.
func PlayWith(ctx context.Context, target Target, c *golden.Case, limits Limits) results.Case {
	for try := 1; ; try++ {
		result, late := once(ctx, target, c, limits)
		if !late || try == lateTries || len(c.Tells()) > 0 {
			return result
		}
	}
}

// once is one try; late: nothing differs but when bytes came.
func once(ctx context.Context, target Target, c *golden.Case, limits Limits) (_ results.Case, late bool) {
	started := time.Now()
	bounded, cancel := context.WithTimeout(ctx, limits.Case)
	defer cancel()
	p := newPlayer(bounded, target, c, limits)
	err := p.mark()
	if err == nil {
		err = p.steps()
	}
	p.finish(err == nil)
	result := p.result()
	result.Seconds = time.Since(started).Seconds()
	switch {
	case ctx.Err() != nil:
		result.Outcome, result.Reason = results.Error, fmt.Sprintf("cancelled: %v", context.Cause(ctx))
	case bounded.Err() != nil:
		result.Outcome.Raise(results.Fail)
		result.Reason = fmt.Sprintf("the case took longer than %s", limits.Case)
	case err != nil && !errors.Is(err, errDiffers):
		result.Outcome.Raise(results.Error)
		result.Reason = err.Error()
	}
	return result, result.Outcome == results.Fail && ctx.Err() == nil && p.late()
}

// late tells whether nothing differs but when bytes came.
func (p *player) late() bool {
	for _, ex := range p.heard {
		if len(ex.differences) > 0 && !ex.late {
			return false
		}
	}
	return true
}

// errDiffers ends a case that cannot go on after a difference, which is recorded already.
var errDiffers = errors.New("the conversation cannot go on")

// player is one conversation under way.
type player struct {
	ctx    context.Context
	target Target
	c      *golden.Case
	limits Limits
	vars   golden.Vars
	conns  map[string]*conn
	opened []*conn // in the order of their first use
	heard  []*exchange
	loads  map[string]*load
	before int          // bytes of the server's log when the conversation began
	told   *golden.Step // what the server was told last; nil: nothing
}

// exchange is one expect, or one closed, and what came of it.
type exchange struct {
	step        *golden.Step
	sent        string
	response    *wire.Response
	differences []string
	late        bool // all of them are about when bytes came
	again       bool // the same as on a connection of the same name before: only a difference is worth keeping
	diff        string
}

func newPlayer(ctx context.Context, target Target, c *golden.Case, limits Limits) *player {
	if c.Timeout > 0 {
		limits.Wait = c.Timeout
		limits.Exchange = max(limits.Exchange, 2*c.Timeout)
	}
	return &player{ctx: ctx, target: target, c: c, limits: limits, vars: golden.Vars{}, conns: map[string]*conn{}, loads: map[string]*load{}}
}

func (p *player) steps() error {
	for i := range p.c.Steps {
		if err := p.step(&p.c.Steps[i]); err != nil {
			return err
		}
		if err := p.ctx.Err(); err != nil {
			return err
		}
	}
	return nil
}

func (p *player) step(step *golden.Step) error {
	switch step.Kind {
	case golden.Tell:
		return p.tell(step)
	case golden.Ended:
		return p.ended(step)
	case golden.Pause:
		return p.pause(step.Pause)
	case golden.Logged:
		return p.logged(step)
	case golden.Load:
		return p.load(step)
	case golden.Every:
		return p.every(step)
	}
	for i := range step.Times {
		before := len(p.heard)
		if err := p.talk(p.conn(step.Conn, i), step); err != nil {
			return err
		}
		for _, ex := range p.heard[before:] {
			ex.again = i > 0
		}
	}
	return nil
}

// talk does what a step says on one connection.
func (p *player) talk(c *conn, step *golden.Step) error {
	switch step.Kind {
	case golden.Send:
		return p.send(c, step)
	case golden.Expect:
		if step.Until {
			return p.until(c, step)
		}
		return p.expect(c, step)
	case golden.Closed:
		return p.closed(c, step)
	case golden.HalfClose:
		return c.halfClose()
	case golden.Begins:
		return p.begins(c, step)
	default:
		return c.end(step.Kind == golden.Reset)
	}
}

// conn is the connection of a name, or one of those of that name.
func (p *player) conn(name string, i int) *conn {
	if i > 0 {
		name = fmt.Sprintf("%s*%d", name, i) // no connection is named so in a file
	}
	if c, ok := p.conns[name]; ok {
		return c
	}
	c := &conn{dial: p.dial}
	p.conns[name] = c
	p.opened = append(p.opened, c)
	return c
}

func (p *player) dial() (*wire.Conn, error) {
	return wire.Dial(p.ctx, p.target.Addr(), wire.Limits{
		Connect: p.limits.Connect, Wait: p.limits.Wait, Total: p.limits.Exchange, Record: p.limits.Record,
	})
}

func (p *player) send(c *conn, step *golden.Step) error {
	data, err := step.Bytes(p.vars)
	if err != nil {
		p.cannot(step, err)
		return errDiffers
	}
	err = c.send(p.ctx, data, step)
	if p.told != nil && errors.Is(err, errConnect) {
		c.note = err.Error() // what the server does then is what the case is about
		return nil
	}
	return err
}

// cannot records a send that needs what an earlier response did not give.
func (p *player) cannot(step *golden.Step, err error) {
	p.heard = append(p.heard, &exchange{step: step, sent: step.Text, differences: []string{err.Error()}})
}

func (p *player) expect(c *conn, step *golden.Step) error {
	if err := c.reopenForUnanswered(p.ctx); err != nil {
		return err
	}
	req := c.next()
	ex := &exchange{step: step, sent: c.sentFor(req)}
	p.heard = append(p.heard, ex)
	if c.tcp == nil {
		ex.differences = []string{c.absent()}
		return errDiffers
	}
	ex.response = p.receive(c, step, req)
	p.judge(c, ex, req)
	if r := ex.response; len(ex.differences) > 0 && !r.Complete && r.End != wire.Enough {
		return errDiffers
	}
	return c.heard(ex.response, req, ex)
}

// receive reads the response, over a 100 Continue that was asked for and that the golden does not show.
func (p *player) receive(c *conn, step *golden.Step, req golden.Request) *wire.Response {
	want := wire.Want{
		Method: req.Method, Minor: req.Minor, KeepAlive: req.Has("Connection", "keep-alive"), Enough: step.Enough(p.vars),
	}
	r := c.tcp.Receive(p.ctx, want)
	asked := req.Minor == 1 && req.Has("Expect", "100-continue")
	if r.Code != 100 || !r.Complete || !asked || c.continued || step.Interim() {
		c.continued = r.Code == 100
		return r
	}
	c.continued = true
	return c.tcp.Receive(p.ctx, want)
}

func (p *player) judge(c *conn, ex *exchange, req golden.Request) {
	verdict := golden.Compare(ex.step, ex.response, req, p.vars)
	ex.differences, ex.diff, ex.late = verdict.Differences, verdict.Diff, verdict.Late
	maps.Copy(p.vars, verdict.Saved)
	if len(ex.differences) == 0 {
		return
	}
	if c.unannounced(ex.response) {
		ex.differences = append(ex.differences, "the server closed the connection without having said so in its previous response (RFC 9112 §9.6)")
	}
	if c.note != "" {
		ex.differences = append(ex.differences, c.note)
	}
}

// begins waits for the first byte of a response.
func (p *player) begins(c *conn, step *golden.Step) error {
	err := errors.New(c.absent())
	if c.tcp != nil {
		err = c.tcp.AwaitByte(p.ctx)
	}
	if err != nil {
		p.cannot(step, err)
		return errDiffers
	}
	return nil
}

func (p *player) closed(c *conn, step *golden.Step) error {
	if c.tcp == nil {
		return nil // it has been seen to end
	}
	stray, err := c.tcp.AwaitClose(p.ctx)
	ex := &exchange{step: step}
	if len(stray) > 0 {
		ex.response = &wire.Response{Raw: stray}
	}
	switch {
	case len(stray) > 0 && !step.Any:
		ex.differences = []string{golden.Stray(stray)}
	case err != nil:
		ex.differences = []string{err.Error()}
	}
	p.heard = append(p.heard, ex)
	return c.end(false)
}

// finish closes every connection. Those on which everything was answered are listened to
// once more, when the case went to its end.
func (p *player) finish(whole bool) {
	for _, l := range p.loads {
		l.end()
	}
	for _, c := range p.opened {
		if whole && c.quiet() {
			if stray := c.tcp.Settle(p.ctx, p.limits.Settle); len(stray) > 0 {
				c.last.differences = append(c.last.differences, golden.Stray(stray))
			}
		}
		_ = c.end(false) // what closing says cannot change the verdict
	}
}
