package run

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"wsgimatrix/matrix/engine"
	"wsgimatrix/matrix/golden"
	"wsgimatrix/matrix/plan"
)

// Target is a server, as a conversation with it needs to know it.
type Target interface {
	Addr() string
	// Tell tells it something. worker is the process number of the worker that is meant, if one is.
	Tell(ctx context.Context, verb golden.Verb, worker string) error
	// State tells whether it still runs.
	State(ctx context.Context) (engine.State, error)
	// Log is what it has printed so far.
	Log(ctx context.Context) ([]byte, error)
}

// On is the server that runs in a cell.
func On(s *plan.Server, instance engine.Instance) Target { return &told{instance, s} }

type told struct {
	engine.Instance
	server *plan.Server
}

// Tell tells it in the way that its server.yaml says.
func (t *told) Tell(ctx context.Context, verb golden.Verb, worker string) (err error) {
	how := t.server.Told(verb)
	switch {
	case how.Cannot != "":
		err = errors.New(how.Cannot)
	case verb == golden.KillWorker:
		_, err = t.Exec(ctx, []string{"sh", "-c", `kill -s "$1" "$2"`, "sh", strings.TrimPrefix(how.Signal, "SIG"), worker})
	case how.Command != nil:
		_, err = t.Exec(ctx, how.Command)
	default:
		err = t.Signal(ctx, how.Signal)
	}
	if err != nil {
		return fmt.Errorf("the server cannot be told to %s (%s:%d): %w", verb, t.server.File, how.Line, err)
	}
	return nil
}

// addressed is a server of which only the address is known.
type addressed string

func (a addressed) Addr() string { return string(a) }

func (addressed) Tell(context.Context, golden.Verb, string) error { return errNoTarget }

func (addressed) State(context.Context) (engine.State, error) { return engine.State{}, errNoTarget }

func (addressed) Log(context.Context) ([]byte, error) { return nil, errNoTarget }

var errNoTarget = errors.New("only the server's address is known: it cannot be told anything")

// tell tells the server something. It is not a matter of the conversation if that cannot be done.
func (p *player) tell(step *golden.Step) error {
	worker := ""
	if step.Verb == golden.KillWorker {
		pid, ok := p.vars[golden.Worker]
		if !ok {
			p.cannot(step, errors.New("no worker has said its process number"))
			return errDiffers
		}
		worker = string(pid)
	}
	ctx, cancel := context.WithTimeout(p.ctx, p.limits.Engine)
	defer cancel()
	p.told = step
	return p.target.Tell(ctx, step.Verb, worker)
}

// ended waits for the server's end. Engines are asked again and again: not all of them can be waited upon.
func (p *player) ended(step *golden.Step) error {
	ex := &exchange{step: step, sent: "-- " + p.told.Name + " --\n"}
	p.heard = append(p.heard, ex)
	deadline := time.Now().Add(p.limits.Wait)
	for {
		state, err := p.target.State(p.ctx)
		switch {
		case err != nil:
			return err
		case !state.Running:
			if step.Code >= 0 && state.ExitCode != step.Code {
				ex.differences = []string{fmt.Sprintf("the server ended with %s, not with %d", epitaph(state), step.Code)}
			}
			return nil
		case time.Now().After(deadline):
			ex.differences = []string{fmt.Sprintf("the server has not ended within %s", p.limits.Wait)}
			return errDiffers
		}
		if err := p.pause(p.limits.ProbeMost); err != nil {
			return err
		}
	}
}

// mark notes where the log ends before a conversation that asks for what is logged in it.
func (p *player) mark() error {
	if !p.c.Logs() {
		return nil
	}
	text, err := p.target.Log(p.ctx)
	p.before = len(text)
	return err
}

// logged waits until the log says what it has to. Engines are asked again and again, as for a server's end.
func (p *player) logged(step *golden.Step) error {
	ex := &exchange{step: step}
	p.heard = append(p.heard, ex)
	deadline := time.Now().Add(p.limits.Wait)
	for {
		text, err := p.target.Log(p.ctx)
		if err != nil {
			return err
		}
		ex.differences = missing(string(text[min(p.before, len(text)):]), step.Log)
		if len(ex.differences) == 0 || time.Now().After(deadline) {
			return nil
		}
		if err := p.pause(p.limits.ProbeMost); err != nil {
			return err
		}
	}
}

// missing says which lines do not stand in a text.
func missing(text string, lines []string) (differences []string) {
	for _, line := range lines {
		if !strings.Contains(text, line) {
			differences = append(differences, fmt.Sprintf("the server has not logged %q", line))
		}
	}
	return differences
}

func (p *player) pause(d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-p.ctx.Done():
		return p.ctx.Err()
	}
}

// until has the request sent again, on a new connection, until its response comes or the wait is over.
func (p *player) until(c *conn, step *golden.Step) error {
	stream, pieces := c.stream, c.pieces
	deadline := time.Now().Add(p.limits.Wait)
	for {
		before := len(p.heard)
		err := p.expect(c, step)
		if len(p.heard) == before {
			return err
		}
		differs := len(p.heard[before].differences) > 0
		if !differs || p.ctx.Err() != nil || time.Now().After(deadline) {
			return err
		}
		p.heard = p.heard[:before]
		if err := p.pause(p.limits.ProbeMost); err != nil {
			return err
		}
		if err := p.again(c, stream, pieces); err != nil {
			return err
		}
	}
}

// again sends what was sent on a connection once more, on a new one.
func (p *player) again(c *conn, stream []byte, pieces []piece) error {
	if err := c.end(false); err != nil {
		return err
	}
	if err := c.open(); err != nil {
		c.note = err.Error() // a server that restarts may not be there for a moment
		return nil
	}
	c.stream, c.pieces, c.requests = stream, pieces, golden.ReadRequests(stream)
	return c.transmit(p.ctx, stream)
}
