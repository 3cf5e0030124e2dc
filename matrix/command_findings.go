package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"wsgimatrix/matrix/finding"
	"wsgimatrix/matrix/plan"
	"wsgimatrix/matrix/run"
)

// findingsFlags are the flags of `matrix findings`.
type findingsFlags struct {
	where
	replay, record, write bool
	sample, jobs          int
}

func (t *tool) findingsCommand() *cobra.Command {
	var f findingsFlags
	c := &cobra.Command{
		Use:   "findings [FILE]...",
		Short: "Hold docs/findings against the known divergences, or against the servers themselves",
		RunE:  func(c *cobra.Command, files []string) error { return t.findings(c.Context(), f, files) },
	}
	f.where.flags(c)
	c.Flags().BoolVar(&f.replay, "replay", false, "send what the findings send, and compare what comes")
	c.Flags().BoolVar(&f.record, "record", false, "send what the findings send, and write what comes into them")
	c.Flags().BoolVar(&f.write, "write", false, "write the index, and what each finding says about other servers")
	c.Flags().IntVar(&f.sample, "sample", 0, "replay this `NUMBER` of them, others each day; 0: all")
	jobsFlag(c, &f.jobs)
	return c
}

func (t *tool) findings(ctx context.Context, f findingsFlags, files []string) error {
	if err := errors.Join(checkJobs(f.jobs), f.check()); err != nil {
		return usage(err)
	}
	p, err := t.load(selection{})
	if err != nil {
		return err
	}
	all, err := finding.Load(p.Root)
	if err != nil {
		return usage(err)
	}
	if f.write {
		err = writeFindings(p, all)
	}
	if f.replay || f.record {
		chosen, wrong := choose(all, files, f.sample, time.Now())
		if wrong != nil {
			return usage(wrong)
		}
		return errors.Join(err, t.replay(ctx, p, chosen, f))
	}
	return errors.Join(err, t.checkFindings(p))
}

func (f findingsFlags) check() error {
	if f.sample < 0 {
		return fmt.Errorf("--sample cannot be negative: %d", f.sample)
	}
	return nil
}

// checkFindings holds the files as they are now against the known divergences.
func (t *tool) checkFindings(p *plan.Plan) error {
	all, err := finding.Load(p.Root)
	if err != nil {
		return usage(err)
	}
	written, err := finding.Generate(p, all)
	mistakes := append(finding.Check(p, all), err)
	for _, w := range written {
		if w.Stale() {
			mistakes = append(mistakes, fmt.Errorf("%s is out of date: bin/matrix findings --write", w.File))
		}
	}
	if err := errors.Join(mistakes...); err != nil {
		return coded{exitDiffers, err}
	}
	_, err = fmt.Fprintf(t.out, "%d findings\n", len(all))
	return err
}

func writeFindings(p *plan.Plan, all []*finding.Finding) error {
	written, err := finding.Generate(p, all)
	if err != nil {
		return usage(err)
	}
	for _, w := range written {
		if w.Stale() {
			err = errors.Join(err, os.WriteFile(w.File, w.New, 0o644)) //nolint:gosec // documentation, for everybody to read
		}
	}
	return err
}

// choose takes the findings that are named, or as many as a sample has: each day those behind the
// day before's.
func choose(all []*finding.Finding, files []string, sample int, now time.Time) (chosen []*finding.Finding, err error) {
	for _, file := range files {
		i := slices.IndexFunc(all, func(f *finding.Finding) bool { return same(f.File, file) })
		if i < 0 {
			return nil, fmt.Errorf("%s is no finding: name a file in %s", file, finding.Folder)
		}
		chosen = append(chosen, all[i])
	}
	if len(files) > 0 || sample == 0 || sample >= len(all) {
		return chosenOr(chosen, all), nil
	}
	day := int(now.Unix() / (24 * 60 * 60))
	for i := range sample {
		chosen = append(chosen, all[(day*sample+i)%len(all)])
	}
	return chosen, nil
}

func chosenOr(chosen, all []*finding.Finding) []*finding.Finding {
	if len(chosen) == 0 {
		return all
	}
	return chosen
}

func same(a, b string) bool {
	x, err := filepath.Abs(a)
	y, wrong := filepath.Abs(b)
	return err == nil && wrong == nil && x == y
}

// needed narrows the plan to the servers that are started, so that no other image is built.
func needed(p *plan.Plan, all []*finding.Finding) (*plan.Plan, error) {
	filter := plan.Filter{Servers: []string{finding.Ours}, Apps: []string{"bare"}}
	for _, f := range all {
		if !slices.Contains(filter.Servers, f.Server) {
			filter.Servers = append(filter.Servers, f.Server)
		}
	}
	return p.Select(filter)
}

func (t *tool) replay(ctx context.Context, whole *plan.Plan, all []*finding.Finding, f findingsFlags) error {
	p, err := needed(whole, all)
	if err != nil {
		return usage(err)
	}
	return t.withImages(ctx, p, f.where, buildOptions{}, func(w *workspace, images run.Images) error {
		r := &finding.Replayer{Engine: w, Images: images, Plan: p}
		return w.replayed(ctx, r, all, f)
	})
}

// replayed replays each, and says what is not as its file shows.
func (w *workspace) replayed(ctx context.Context, r *finding.Replayer, all []*finding.Finding, f findingsFlags) error {
	began := time.Now()
	var mu sync.Mutex
	var broken []error
	var different []string
	run.Each(ctx, f.jobs, len(all), func(i int) {
		came, differs, err := r.Compare(ctx, all[i])
		mu.Lock()
		defer mu.Unlock()
		switch {
		case err != nil:
			broken = append(broken, err)
		case f.record:
			broken = append(broken, all[i].Record(came))
		default:
			different = append(different, differs...)
		}
	})
	w.console.say("%s replayed: %.1f s", plural(len(all), "finding"), time.Since(began).Seconds())
	if ctx.Err() != nil {
		broken = append(broken, context.Cause(ctx))
	}
	if err := errors.Join(broken...); err != nil {
		return err
	}
	if len(different) > 0 {
		return coded{exitDiffers, errors.New(strings.Join(different, "\n"))}
	}
	return nil
}
