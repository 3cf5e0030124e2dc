package run

import (
	"context"
	"time"

	"wsgimatrix/matrix/engine"
	"wsgimatrix/matrix/plan"
)

// Bare is what one cell costs with no conversation in it.
type Bare struct {
	Server, App           string
	Start, Listen, Remove time.Duration
	Err                   error
}

// Sum is the whole cost.
func (b Bare) Sum() time.Duration { return b.Start + b.Listen + b.Remove }

// Floor starts, awaits and removes every cell of a plan, as Run does, and nothing else: the
// time under which no run can be. It returns what was done before ctx ended.
func Floor(ctx context.Context, p *plan.Plan, e engine.Engine, opts Options) (cells []Bare, total time.Duration) {
	r := newRunner(p, e, opts)
	defer r.outlive(ctx)()
	done := make([]*Bare, len(p.Cells))
	started := time.Now()
	order := longestFirst(p.Cells)
	Each(ctx, r.opts.Jobs, len(order), func(at int) {
		i := order[at]
		j := &job{runner: r, cell: p.Cells[i], out: &r.out.Cells[i]}
		bare := j.bare(ctx)
		done[i] = &bare
	})
	total = time.Since(started)
	for _, b := range done {
		if b != nil {
			cells = append(cells, *b)
		}
	}
	return cells, total
}

// bare starts, awaits and removes a cell's containers, one for each of its parts.
func (j *job) bare(ctx context.Context) Bare {
	b := Bare{Server: j.out.Server, App: j.out.App}
	for _, part := range j.cell.Parts() {
		if b.Err == nil && part.Cannot == "" {
			j.container(ctx, part.Setup, &b)
		}
	}
	return b
}

// container adds what one container costs.
func (j *job) container(ctx context.Context, setup *plan.Setup, b *Bare) {
	clock := time.Now()
	lap := func() time.Duration {
		last := clock
		clock = time.Now()
		return clock.Sub(last)
	}
	b.Err = j.start(ctx, setup)
	b.Start += lap()
	if b.Err != nil {
		return
	}
	b.Err = await(ctx, j.instance, j.opts.Limits)
	b.Listen += lap()
	b.Err = firstError(b.Err, j.removal())
	b.Remove += lap()
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
