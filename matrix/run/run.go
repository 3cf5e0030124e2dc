// Package run takes the cells of a plan through their life: start, await, converse, remove.
//
// It owns the schedule, every wait (see Limits), the conversation of a case, and what
// becomes of an outcome: known divergences, dead servers, panics, cancellation. It never
// builds an image, knows no engine but through its interface, and renders nothing.
package run

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"wsgimatrix/matrix/engine"
	"wsgimatrix/matrix/plan"
	"wsgimatrix/matrix/results"
)

// Images are the images of the servers and of the apps, by name. A cell whose image is
// missing is an error, and the rest goes on.
type Images struct {
	Servers, Apps map[string]string
	Why           map[string]string // what the build of a missing one said last
}

// Options say how to run a plan.
type Options struct {
	ID       string
	Command  []string // the command line, for the results
	Images   Images
	Flags    []string // of the command that repeats a cell
	Jobs     int      // cells at once; 0: DefaultJobs
	FailFast bool
	Record   bool      // put the recorder around each app
	Limits   Limits    // zero: DefaultLimits
	Progress Progress  // nil: nobody looks on
	Today    time.Time // by which known divergences are judged; zero: today
}

// Progress is told what happens, one call at a time, on whatever goroutine it happens. What
// it is handed may not be changed or kept.
type Progress interface {
	Started(server, app string)
	Case(server, app string, c *results.Case)
	Done(c *results.Cell)
}

// DefaultJobs is the number of cells at once. A cell waits more than it works: for its server's
// start, and for answers that some servers never give.
func DefaultJobs() int { return 3 * runtime.NumCPU() }

// Run runs every cell of a plan, and returns what was found out. When ctx ends it stops,
// removes what runs, and returns what it has, marked partial. Its error means that there is
// nothing to return. It does not close the engine.
func Run(ctx context.Context, p *plan.Plan, e engine.Engine, opts Options) (*results.Run, error) {
	r := newRunner(p, e, opts)
	defer r.outlive(ctx)()
	if err := r.introduce(); err != nil {
		return nil, err
	}
	ctx, r.stop = context.WithCancelCause(ctx)
	defer r.stop(nil)
	order := longestFirst(p.Cells)
	Each(ctx, r.opts.Jobs, len(order), func(i int) { r.cell(ctx, order[i]) })
	if ctx.Err() == nil {
		r.blame(ctx)
	}
	r.finish(ctx)
	return r.out, nil
}

// longestFirst is the order in which cells are begun: one that has many cases, begun last, would
// run alone at the end. A case that is known to differ counts twice: many of them wait in vain for
// a server to answer.
func longestFirst(cells []plan.Cell) []int {
	order, length := make([]int, len(cells)), make([]int, len(cells))
	for i, c := range cells {
		order[i], length[i] = i, len(c.Cases)
		for _, k := range c.Cases {
			if c.Known(k.Name) != nil {
				length[i]++
			}
		}
	}
	slices.SortStableFunc(order, func(a, b int) int { return length[b] - length[a] })
	return order
}

// introduce asks what engine this is. A run that is cancelled before it began has a report too.
func (r *runner) introduce() (err error) {
	ctx, cancel := context.WithTimeout(r.grace, r.opts.Limits.Engine)
	defer cancel()
	r.out.Engine, err = r.engine.Info(ctx)
	return err
}

// Each calls do with 0 to n-1, by as many goroutines as there are jobs, and returns when all
// have returned. When ctx ends it calls no more.
func Each(ctx context.Context, jobs, n int, do func(i int)) {
	queue := make(chan int)
	var group sync.WaitGroup
	for range min(max(jobs, 1), n) {
		group.Go(func() {
			for i := range queue {
				do(i)
			}
		})
	}
	for i := 0; i < n && ctx.Err() == nil; i++ {
		select {
		case queue <- i:
		case <-ctx.Done():
		}
	}
	close(queue)
	group.Wait()
}

// runner is one run.
type runner struct {
	plan     *plan.Plan
	engine   engine.Engine
	opts     Options
	stop     context.CancelCauseFunc
	grace    context.Context // ends a while after the run is cancelled: for what is to be done even then
	versions versions
	accepts  accepts
	out      *results.Run
	used     map[*plan.Known]bool // of those that speak of single differences

	mu sync.Mutex // of used, and Progress is told one thing at a time
}

func newRunner(p *plan.Plan, e engine.Engine, opts Options) *runner {
	if opts.Jobs <= 0 {
		opts.Jobs = DefaultJobs()
	}
	if opts.Limits == (Limits{}) {
		opts.Limits = DefaultLimits()
	}
	if opts.Progress == nil {
		opts.Progress = nobody{}
	}
	if opts.Today.IsZero() {
		opts.Today = time.Now()
	}
	r := &runner{plan: p, engine: e, opts: opts, used: map[*plan.Known]bool{}}
	r.out = &results.Run{
		Format: results.Format, ID: opts.ID, Started: time.Now().UTC(), Command: opts.Command,
		Cells: make([]results.Cell, len(p.Cells)),
	}
	for i, c := range p.Cells {
		r.out.Cells[i] = r.skipped(c)
	}
	return r
}

// outlive makes the context for what has to be done even after the run is cancelled. What
// it returns gives it back.
func (r *runner) outlive(ctx context.Context) func() {
	grace, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(r.opts.Limits.Grace, cancel) })
	r.grace = grace
	return func() { stop(); cancel() }
}

// skipped is a cell before anything has happened to it.
func (r *runner) skipped(c plan.Cell) results.Cell {
	out := results.Cell{Server: c.Server.Name, App: c.App.Name, Repro: r.repro(c, "")}
	for _, k := range c.Cases {
		out.Cases = append(out.Cases, results.Case{
			Name: k.Name, Title: k.Title, Level: k.Level, Clauses: k.Clauses, Link: k.Link,
			File: r.relative(k.File), Repro: r.repro(c, k.Name),
		})
	}
	return out
}

// repro is the command that repeats a cell, or a case of it.
func (r *runner) repro(c plan.Cell, name string) string {
	words := append([]string{"bin/matrix run"}, r.opts.Flags...)
	words = append(words, "--server", quote(c.Server.Name), "--app", quote(c.App.Name))
	if name != "" {
		words = append(words, "--case", quote(name))
	}
	return strings.Join(words, " ")
}

// quote makes one word of the shell of a name.
func quote(word string) string {
	if strings.Trim(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.+,:@%/") == "" && word != "" {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// relative names a file as seen from the checkout.
func (r *runner) relative(file string) string {
	if rel, err := filepath.Rel(r.plan.Root, file); err == nil {
		return filepath.ToSlash(rel)
	}
	return file
}

// errFirst is the cause of a run's end under --fail-fast.
var errFirst = errors.New("--fail-fast: stopped at the first failure")

// tell calls Progress.
func (r *runner) tell(what func(Progress)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	what(r.opts.Progress)
}

// finish draws the conclusions.
func (r *runner) finish(ctx context.Context) {
	out := r.out
	out.Problems = append(out.Problems, r.plan.Stale(r.opts.Today)...)
	out.Problems = append(out.Problems, r.unused()...)
	if len(out.Problems) > 0 {
		out.Outcome.Raise(results.Fail)
	}
	if missing := r.versions.problems(); len(missing) > 0 && ctx.Err() == nil {
		out.Problems = append(out.Problems, missing...)
		out.Outcome.Raise(results.Error)
	}
	skipped := 0
	for i := range out.Cells {
		out.Outcome.Raise(out.Cells[i].Outcome)
		skipped += out.Cells[i].Count(results.Skip)
	}
	if ctx.Err() != nil && skipped > 0 {
		if out.Outcome.Expected() {
			out.Outcome = results.Skip // what was not run has not passed
		}
		out.Partial = fmt.Sprintf("%v; %d of %d cases were not run", context.Cause(ctx), skipped, r.plan.Count())
	}
	r.subjects()
	out.Finished = time.Now().UTC()
}

// unused are the entries of which no difference was met that they speak of, for servers that met all
// that they are to meet.
func (r *runner) unused() (problems []string) {
	for _, s := range r.plan.Servers {
		if !r.met(s) {
			continue
		}
		for _, k := range s.Known {
			if k.ByDifference() && !r.used[k] {
				problems = append(problems, fmt.Sprintf("%s: nothing differs any more as the known divergence %q says: delete it", k.At(), k.Differs))
			}
		}
	}
	return problems
}

// met tells whether every case of a server, with every app of the whole plan, has been judged.
func (r *runner) met(s *plan.Server) bool {
	want, judged := 0, 0
	for _, c := range r.plan.Whole().Cells {
		if c.Server == s {
			want += len(c.Cases)
		}
	}
	for i := range r.out.Cells {
		if c := &r.out.Cells[i]; c.Server == s.Name {
			judged += len(c.Cases) - c.Count(results.Skip) - c.Count(results.Error)
		}
	}
	return want == judged
}

// subjects says what met what.
func (r *runner) subjects() {
	for _, s := range r.plan.Servers {
		version := r.versions.of(serverKey(s.Name))
		subject := results.Subject{
			Name: s.Name, Title: s.Title, Model: s.Model, Ours: s.Ours,
			Version: version.number, Python: version.python, Image: r.opts.Images.Servers[s.Name],
			Accepts: r.accepts.of(s.Name),
		}
		for _, k := range s.Known {
			subject.Known = append(subject.Known, k.Divergence)
		}
		r.out.Servers = append(r.out.Servers, subject)
	}
	for _, a := range r.plan.Apps {
		if a.Contract != nil {
			r.out.Contract = a.Contract
		}
		version := r.versions.of(appKey(a.Name))
		r.out.Apps = append(r.out.Apps, results.Subject{
			Name: a.Name, Title: a.Title, Version: version.number, Image: r.opts.Images.Apps[a.Name],
		})
	}
}

// nobody looks on.
type nobody struct{}

func (nobody) Started(string, string)             {}
func (nobody) Case(string, string, *results.Case) {}
func (nobody) Done(*results.Cell)                 {}
