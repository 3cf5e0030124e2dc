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
	for try := 1; ; try++ {
		result, late := once(ctx, addr, c, limits)
		if !late || try == lateTries {
			return result
		}
	}
}

// once is one try; late: nothing differs but when bytes came.
func once(ctx context.Context, addr string, c *golden.Case, limits Limits) (_ results.Case, late bool) {
	started := time.Now()
	bounded, cancel := context.WithTimeout(ctx, limits.Case)
	defer cancel()
	p := newPlayer(bounded, addr, c, limits)
	err := p.steps()
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
	addr   string
	c      *golden.Case
	limits Limits
	vars   golden.Vars
	conns  map[string]*conn
	opened []*conn // in the order of their first use
	heard  []*exchange
}

// exchange is one expect, or one closed, and what came of it.
type exchange struct {
	step        *golden.Step
	sent        string
	response    *wire.Response
	differences []string
	late        bool // all of them are about when bytes came
	diff        string
}

func newPlayer(ctx context.Context, addr string, c *golden.Case, limits Limits) *player {
	if c.Timeout > 0 {
		limits.Wait = c.Timeout
		limits.Exchange = max(limits.Exchange, 2*c.Timeout)
	}
	return &player{ctx: ctx, addr: addr, c: c, limits: limits, vars: golden.Vars{}, conns: map[string]*conn{}}
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
	c := p.conn(step.Conn)
	switch step.Kind {
	case golden.Send:
		return p.send(c, step)
	case golden.Expect:
		return p.expect(c, step)
	case golden.Closed:
		return p.closed(c, step)
	case golden.HalfClose:
		return c.halfClose()
	default:
		return c.end(step.Kind == golden.Reset)
	}
}

// conn is the connection of a name.
func (p *player) conn(name string) *conn {
	if c, ok := p.conns[name]; ok {
		return c
	}
	c := &conn{dial: p.dial}
	p.conns[name] = c
	p.opened = append(p.opened, c)
	return c
}

func (p *player) dial() (*wire.Conn, error) {
	return wire.Dial(p.ctx, p.addr, wire.Limits{
		Connect: p.limits.Connect, Wait: p.limits.Wait, Total: p.limits.Exchange, Record: p.limits.Record,
	})
}

func (p *player) send(c *conn, step *golden.Step) error {
	data, err := step.Bytes(p.vars)
	if err != nil {
		p.cannot(step, err)
		return errDiffers
	}
	return c.send(p.ctx, data, step)
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
		ex.differences = []string{"the server ended the connection with an earlier response"}
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
	for _, c := range p.opened {
		if whole && c.quiet() {
			if stray := c.tcp.Settle(p.ctx, p.limits.Settle); len(stray) > 0 {
				c.last.differences = append(c.last.differences, golden.Stray(stray))
			}
		}
		_ = c.end(false) // what closing says cannot change the verdict
	}
}
