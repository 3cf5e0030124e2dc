package run

import (
	"context"
	"fmt"
	"time"

	"wsgimatrix/matrix/engine"
	"wsgimatrix/matrix/wire"
)

// probe asks for a page that every app has. The connection is closed after it, so that a
// server that serves one at a time is free again.
const probe = "GET /hello HTTP/1.1\r\nHost: matrix.test\r\nConnection: close\r\n\r\n"

// stateEvery is after how many vain probes the engine is asked whether the cell still runs:
// that costs it more than a probe does.
const stateEvery = 5

// await waits until a cell answers a request. A connection says nothing: an engine's proxy
// accepts before the server listens. Nothing tells when a server listens, so it is polled.
func await(ctx context.Context, cell engine.Instance, limits Limits) error {
	bounded, cancel := context.WithTimeout(ctx, limits.Startup)
	defer cancel()
	pause := time.NewTimer(0)
	defer pause.Stop()
	wait := limits.ProbeFirst
	for vain := 1; ; vain++ {
		if answers(bounded, cell.Addr(), limits) {
			return nil
		}
		if vain%stateEvery == 0 {
			if err := alive(ctx, cell, limits); err != nil {
				return err
			}
		}
		pause.Reset(wait)
		select {
		case <-pause.C:
			wait = min(2*wait, limits.ProbeMost)
		case <-bounded.Done():
			return silent(ctx, cell, limits)
		}
	}
}

// answers tells whether something of a response comes: what, is for the cases to judge. A
// gateway that cannot reach what is behind it yet does not count.
func answers(ctx context.Context, addr string, limits Limits) bool {
	c, err := wire.Dial(ctx, addr, wire.Limits{Connect: limits.Connect, Wait: limits.Probe, Total: limits.Probe, Record: 64 << 10})
	if err != nil {
		return false
	}
	defer func() { _ = c.Close() }() // the answer is known
	if err := c.Send(ctx, []byte(probe)); err != nil {
		return false
	}
	r := c.Receive(ctx, wire.Want{Method: "GET", Minor: 1, Enough: func(*wire.Response) bool { return true }})
	return len(r.Raw) > 0 && (r.Code < 502 || r.Code > 504)
}

// alive is an error when the cell has ended.
func alive(ctx context.Context, cell engine.Instance, limits Limits) error {
	ctx, cancel := context.WithTimeout(ctx, limits.Engine)
	defer cancel()
	state, err := cell.State(ctx)
	switch {
	case err != nil:
		return fmt.Errorf("whether the server lives cannot be told: %w", err)
	case !state.Running:
		return fmt.Errorf("the server ended before it answered: %s", epitaph(state))
	}
	return nil
}

// silent says why the wait is over.
func silent(ctx context.Context, cell engine.Instance, limits Limits) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err := alive(ctx, cell, limits); err != nil {
		return err
	}
	return fmt.Errorf("the server runs, and did not answer within %v: does it listen on the port that its server.yaml names, on 0.0.0.0?", limits.Startup)
}

// ended asks for the state of a server after a case that failed. The engine may learn of a
// server's end later than its client does: one that answers nothing is given a moment.
func ended(ctx context.Context, cell engine.Instance, limits Limits) (engine.State, error) {
	if answers(ctx, cell.Addr(), limits) {
		return engine.State{Running: true}, nil
	}
	deadline := time.Now().Add(limits.Death)
	for {
		state, err := cell.State(ctx)
		if err != nil || !state.Running || time.Now().After(deadline) {
			return state, err
		}
		select {
		case <-time.After(limits.ProbeMost):
		case <-ctx.Done():
			return state, ctx.Err()
		}
	}
}
