package run

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"wsgimatrix/matrix/golden"
	"wsgimatrix/matrix/plan"
	"wsgimatrix/matrix/results"
)

// What a failure is held against. wsgiref is the standard library's reference server.
const (
	plainApp   = "bare"
	refServer  = "wsgiref"
	repeats    = 2  // of a case that failed, alone in a fresh container
	mostBlamed = 12 // failures of a run that are looked into: more have a cause in common
)

// blame says of each case that failed whose fault it is, as far as other containers can tell.
func (r *runner) blame(ctx context.Context) {
	var suspects []*suspect
	for i := range r.out.Cells {
		for k := range r.out.Cells[i].Cases {
			c := &r.out.Cells[i].Cases[k]
			if c.Outcome == results.Fail && c.Known == nil && len(suspects) < mostBlamed {
				suspects = append(suspects, &suspect{runner: r, cell: r.plan.Cells[i], golden: r.plan.Cells[i].Cases[k], result: c})
			}
		}
	}
	b := &trials{runner: r, done: map[string]*trial{}}
	Each(ctx, r.opts.Jobs, len(suspects), func(i int) {
		if blame := suspects[i].judge(ctx, b); ctx.Err() == nil {
			suspects[i].result.Blame = blame
		}
	})
}

// suspect is a case that failed.
type suspect struct {
	*runner
	cell   plan.Cell
	golden *golden.Case
	result *results.Case
}

// judge draws the conclusion.
func (s *suspect) judge(ctx context.Context, b *trials) *results.Blame {
	failed, of := 1, 1
	for range repeats {
		if o := b.play(ctx, s.cell, s.golden); o != results.Skip {
			of++
			if o != results.Pass {
				failed++
			}
		}
	}
	if failed < of {
		return &results.Blame{Verdict: results.Flaky, Says: fmt.Sprintf("failed %d of %d times, alone in a fresh container after the first", failed, of)}
	}
	e := evidence{s: s, b: b}
	passes, fails := e.references(ctx)
	switch {
	case len(fails) > 0 && len(passes) == 0:
		return e.blame(results.BlameApp, "it fails on "+list(fails)+" too")
	case len(passes) == 0:
		return e.blame(results.BlameUnknown, "no other server of this run could be asked")
	}
	said := "it passes on " + list(passes)
	if behind := s.cell.Server.Behind; behind != "" && e.other(ctx, behind, s.cell.App.Name, s.golden.Name) == results.Pass {
		return e.blame(results.BlameProxy, said+", and on "+behind+" without what stands in front of it")
	}
	switch e.plain(ctx) {
	case results.Pass:
		return e.blame(results.BlamePair, said+"; and this server passes it with "+plainApp)
	case results.Fail:
		return e.blame(results.BlameServer, said+"; and this server fails it with "+plainApp+" too")
	}
	return e.blame(results.BlameServer, said)
}

func list(names []string) string { return strings.Join(names, " and ") }

// evidence is what other containers say about a suspect.
type evidence struct {
	s *suspect
	b *trials
}

func (e *evidence) blame(v results.Verdict, says string) *results.Blame {
	return &results.Blame{Verdict: v, Says: "it fails alone too; " + says}
}

// references plays the case with the reference server and with one of ours.
func (e *evidence) references(ctx context.Context) (passes, fails []string) {
	names := []string{refServer}
	for _, s := range e.s.plan.Whole().Servers {
		if s.Ours && s.Name != e.s.cell.Server.Name {
			names = append(names, s.Name)
			break
		}
	}
	for _, name := range slices.DeleteFunc(names, func(n string) bool { return n == e.s.cell.Server.Name }) {
		switch e.other(ctx, name, e.s.cell.App.Name, e.s.golden.Name) {
		case results.Pass:
			passes = append(passes, name)
		case results.Fail:
			fails = append(fails, name)
		}
	}
	return passes, fails
}

// plain plays the case of the same name with the app that has no framework.
func (e *evidence) plain(ctx context.Context) results.Outcome {
	if e.s.cell.App.Name == plainApp {
		return results.Skip
	}
	return e.other(ctx, e.s.cell.Server.Name, plainApp, e.s.golden.Name)
}

// other plays a case in another cell: pass or fail, or skip where that says nothing, because
// there is no such cell, no image, or a known divergence.
func (e *evidence) other(ctx context.Context, server, app, name string) results.Outcome {
	for _, c := range e.s.plan.Whole().Cells {
		if c.Server.Name != server || c.App.Name != app || c.Known(name) != nil {
			continue
		}
		for _, k := range c.Cases {
			if k.Name == name {
				return e.b.once(ctx, c, k)
			}
		}
	}
	return results.Skip
}

// trials plays single cases in containers of their own.
type trials struct {
	*runner
	mu   sync.Mutex
	done map[string]*trial // of what several suspects ask for
}

type trial struct {
	once    sync.Once
	outcome results.Outcome
}

// once plays a case the first time that it is asked for.
func (b *trials) once(ctx context.Context, c plan.Cell, k *golden.Case) results.Outcome {
	key := c.Server.Name + "/" + c.App.Name + "/" + k.Name
	b.mu.Lock()
	t := b.done[key]
	if t == nil {
		t = &trial{}
		b.done[key] = t
	}
	b.mu.Unlock()
	t.once.Do(func() { t.outcome = b.play(ctx, c, k) })
	return t.outcome
}

// play plays a case alone: skip where the cell cannot be had.
func (b *trials) play(ctx context.Context, c plan.Cell, k *golden.Case) results.Outcome {
	c.Cases = []*golden.Case{k}
	part := c.Parts()[0]
	if part.Cannot != "" {
		return results.Skip
	}
	spec, err := Spec(c, part.Setup, b.opts.Images)
	if err != nil {
		return results.Skip
	}
	instance, err := Start(ctx, b.engine, spec, b.opts.Limits)
	if err != nil {
		return results.Skip
	}
	defer func() {
		ctx, cancel := context.WithTimeout(b.grace, b.opts.Limits.Remove)
		defer cancel()
		_ = instance.Remove(ctx) // the engine's Close removes what this leaves
	}()
	limits := b.opts.Limits
	limits.Evidence = 0
	if o := PlayWith(ctx, On(c.Server, instance), k, limits).Outcome; o == results.Pass || o == results.Fail {
		return o
	}
	return results.Skip
}
