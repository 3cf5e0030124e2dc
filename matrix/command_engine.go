package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"wsgimatrix/matrix/plan"
	"wsgimatrix/matrix/run"
)

func (t *tool) cleanCommand() *cobra.Command {
	var place where
	c := &cobra.Command{
		Use:   "clean",
		Short: "Remove every container, volume, network and image of this checkout from the engine",
		Args:  cobra.NoArgs,
		RunE:  func(c *cobra.Command, _ []string) error { return t.clean(c.Context(), place) },
	}
	place.flags(c)
	return c
}

func (t *tool) clean(ctx context.Context, place where) (err error) {
	root, err := t.findRoot()
	if err != nil {
		return usage(err)
	}
	w, err := t.enter(ctx, root, place)
	if err != nil {
		return err
	}
	defer func() { err = afterwards(err, w.leave(ctx)) }()
	removed, err := w.Clean(ctx, w.wholeOrNothing(root))
	if removed != "" {
		w.console.say("%s", removed)
	}
	return err
}

// wholeOrNothing is the plan, whose images are known to be ours. A checkout whose
// configuration is broken is cleaned without.
func (w *workspace) wholeOrNothing(root string) *plan.Plan {
	whole, err := plan.Load(root)
	if err != nil {
		w.console.say("images that this checkout may have made within the hour stay, for its configuration cannot be read:\n%v", err)
		return &plan.Plan{Root: root}
	}
	return whole
}

func cleaned(containers, volumes, networks, images int) string {
	return fmt.Sprintf("removed %s, %s, %s and %s",
		plural(containers, "container"), plural(volumes, "volume"), plural(networks, "network"), plural(images, "image"))
}

// floorFlags are the flags of `matrix floor`.
type floorFlags struct {
	selection
	where
	jobs int
}

func (t *tool) floorCommand() *cobra.Command {
	var f floorFlags
	c := &cobra.Command{
		Use:   "floor",
		Short: "Start, await and remove the cells bare: the time under which no run can be",
		Args:  cobra.NoArgs,
		RunE:  func(c *cobra.Command, _ []string) error { return t.floor(c.Context(), f) },
	}
	f.selection.flags(c, true)
	f.where.flags(c)
	jobsFlag(c, &f.jobs)
	return c
}

func (t *tool) floor(ctx context.Context, f floorFlags) error {
	if err := checkJobs(f.jobs); err != nil {
		return err
	}
	p, err := t.load(f.selection)
	if err != nil {
		return err
	}
	return t.withImages(ctx, p, f.where, buildOptions{}, func(w *workspace, images run.Images) error {
		return w.floor(ctx, p, run.Options{ID: w.id, Images: images, Jobs: f.jobs})
	})
}

func (w *workspace) floor(ctx context.Context, p *plan.Plan, opts run.Options) error {
	cells, total := run.Floor(ctx, p, w, opts)
	var errs []error
	for _, c := range cells {
		if c.Err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", pair(c.Server, c.App), c.Err))
		}
		w.console.say("%s  start %.2f s, listen %.2f s, remove %.2f s: %.2f s",
			pad(pair(c.Server, c.App), 32), c.Start.Seconds(), c.Listen.Seconds(), c.Remove.Seconds(), c.Sum().Seconds())
	}
	if ctx.Err() != nil {
		errs = append(errs, context.Cause(ctx))
	}
	w.console.say("floor: %s, %d at once: %.1f s; the median cell: %.2f s", plural(len(cells), "cell"), opts.Jobs, total.Seconds(), median(cells).Seconds())
	return errors.Join(errs...)
}

func median(cells []run.Bare) time.Duration {
	var sums []time.Duration
	for _, c := range cells {
		sums = append(sums, c.Sum())
	}
	if len(sums) == 0 {
		return 0
	}
	slices.Sort(sums)
	return sums[len(sums)/2]
}
