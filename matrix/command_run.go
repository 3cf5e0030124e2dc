package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"wsgimatrix/matrix/plan"
	"wsgimatrix/matrix/results"
	"wsgimatrix/matrix/run"
)

// runFlags are the flags of `matrix run`.
type runFlags struct {
	selection
	where
	engine   engineFlags
	jobs     int
	failFast bool
	began    time.Time // for how long it all took
	refresh  bool
	record   bool
}

func (t *tool) runCommand() *cobra.Command {
	var f runFlags
	c := &cobra.Command{
		Use:   "run",
		Short: "Build what is missing, run the cells, write the report",
		Args:  cobra.NoArgs,
		RunE:  func(c *cobra.Command, _ []string) error { return t.runCells(c.Context(), f) },
	}
	f.selection.flags(c, true)
	f.where.flags(c)
	f.engine.flags(c)
	jobsFlag(c, &f.jobs)
	c.Flags().BoolVar(&f.failFast, "fail-fast", false, "stop at the first difference or error")
	c.Flags().BoolVar(&f.record, "record", false, "put the recorder around each app, and compare what the servers do to it")
	c.Flags().BoolVar(&f.refresh, "refresh", false, "build anew, with the newest Debian packages of the mirror")
	return c
}

// words are the flags of the command that repeats a cell.
func (f runFlags) words() []string {
	if !f.record {
		return f.engine.words()
	}
	return append(f.engine.words(), "--record")
}

func jobsFlag(c *cobra.Command, jobs *int) {
	c.Flags().IntVar(jobs, "jobs", run.DefaultJobs(), "the `NUMBER` of cells at once")
}

func checkJobs(jobs int) error {
	if jobs < 1 {
		return usage(fmt.Errorf("--jobs must be at least 1, not %d", jobs))
	}
	return nil
}

func (t *tool) runCells(ctx context.Context, f runFlags) error {
	if err := checkJobs(f.jobs); err != nil {
		return err
	}
	if f.record && len(f.engine.words()) > 0 {
		return usage(errors.New("--record goes with --engine docker: a record lies in the /tmp of its container"))
	}
	f.began = time.Now()
	p, err := t.load(f.selection)
	if err == nil {
		p, err = t.choose(f.engine, p)
	}
	if err != nil {
		return err
	}
	return t.withImages(ctx, p, f.where, buildOptions{refresh: f.refresh}, func(w *workspace, images run.Images) error {
		return w.judge(ctx, p, images, t.command, f)
	})
}

// judge runs the cells, writes what came of it, and says whether that was as expected.
func (w *workspace) judge(ctx context.Context, p *plan.Plan, images run.Images, command []string, f runFlags) error {
	r, err := w.cells(ctx, p, images, command, f)
	if err != nil {
		return err
	}
	err = writeOutputs(w.out, r)
	name := filepath.Join(w.out, reportName)
	if err != nil {
		name = "" // it may not be there
	}
	w.console.conclude(r, name)
	w.console.say("with everything before the cells: %.1f s", time.Since(f.began).Seconds())
	if err != nil {
		return err
	}
	return errors.Join(w.prune(ctx, p), verdict(r, ctx.Err() != nil))
}

// withImages works on the engine with the images of a plan, and leaves nothing there.
func (t *tool) withImages(ctx context.Context, p *plan.Plan, place where, opts buildOptions, work func(*workspace, run.Images) error) (err error) {
	w, err := t.enter(ctx, p.Root, place)
	if err != nil {
		return err
	}
	defer func() { err = afterwards(err, w.leave(ctx)) }()
	images, err := w.images(ctx, p, opts)
	if err != nil {
		return err
	}
	return work(w, images)
}

// afterwards joins the error of the clean-up to a command's own. It makes a run that was
// as expected one that was not: something is left on the engine.
func afterwards(err, cleanup error) error {
	if cleanup == nil {
		return err
	}
	return coded{exitBroken, errors.Join(err, cleanup)}
}

// images builds what is missing. One that cannot be built costs its own cells only; the
// base of all of them costs the run.
func (w *workspace) images(ctx context.Context, p *plan.Plan, opts buildOptions) (run.Images, error) {
	opts.say = w.console.say
	images, err := w.Build(ctx, p, opts)
	switch {
	case err == nil, ctx.Err() != nil: // an interrupted run still leaves its report
		return images, nil
	case len(images.Servers) == 0 && len(images.Apps) == 0:
		return images, err
	}
	w.console.say("%v", err)
	return images, nil
}

func (w *workspace) cells(ctx context.Context, p *plan.Plan, images run.Images, command []string, f runFlags) (*results.Run, error) {
	watch := &watcher{console: w.console, cells: len(p.Cells), cases: p.Count()}
	for _, c := range p.Cells {
		watch.width = max(watch.width, len([]rune(pair(c.Server.Name, c.App.Name))))
	}
	w.console.say("%s, %s, %d at once", plural(watch.cells, "cell"), plural(watch.cases, "case"), f.jobs)
	return run.Run(ctx, p, w, run.Options{
		ID: w.id, Command: command, Images: images, Flags: f.words(), Jobs: f.jobs, FailFast: f.failFast, Record: f.record, Progress: watch,
	})
}

// prune lets the images of former states go. A run that was stopped has no time for it.
func (w *workspace) prune(ctx context.Context, p *plan.Plan) error {
	if ctx.Err() != nil {
		return nil
	}
	n, err := w.Prune(ctx, p.Whole())
	if n > 0 {
		w.console.say("removed %s that nothing needs any more", plural(n, "image"))
	}
	return err
}
