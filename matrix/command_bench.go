package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"wsgimatrix/matrix/bench"
	"wsgimatrix/matrix/engine"
	"wsgimatrix/matrix/plan"
	"wsgimatrix/matrix/run"
)

// benchFlags are the flags of `matrix bench`.
type benchFlags struct {
	where
	rounds    int
	duration  time.Duration
	transfers int
}

func (t *tool) benchCommand() *cobra.Command {
	var f benchFlags
	c := &cobra.Command{
		Use:   "bench",
		Short: "Measure our servers against uWSGI, and what transfers leave in memory",
		Args:  cobra.NoArgs,
		RunE:  func(c *cobra.Command, _ []string) error { return t.bench(c.Context(), f) },
	}
	f.where.flags(c)
	c.Flags().IntVar(&f.rounds, "rounds", 5, "how many rounds; 0: no speed")
	c.Flags().DurationVar(&f.duration, "duration", 5*time.Second, "how long each server is asked in a round")
	c.Flags().IntVar(&f.transfers, "transfers", 200, "uploads and downloads for the memory; 0: no memory")
	return c
}

// The servers as they are compared: a process each, for there is one core. The last is the peer.
var contenders = []bench.Entry{
	{Name: "eventloop", Server: "eventloop"},
	{Name: "prefork, one worker", Server: "prefork", Command: []string{"prefork", "--bind", "0.0.0.0:8000", "--workers", "1", "{app}"}},
	{Name: "threaded", Server: "threaded"},
	{Name: "uWSGI", Server: "uwsgi", Command: []string{"uwsgi", "--ini", "/server/uwsgi.ini", "--processes", "1", "--module", "{app}"}},
}

var ours = []bench.Entry{
	{Name: "iterative", Server: "iterative"}, {Name: "threaded", Server: "threaded"},
	{Name: "eventloop", Server: "eventloop"}, {Name: "prefork", Server: "prefork"},
}

func (t *tool) bench(ctx context.Context, f benchFlags) error {
	if f.rounds < 0 || f.transfers < 0 || f.duration < time.Second {
		return usage(errors.New("--rounds and --transfers cannot be negative, and --duration is at least 1s"))
	}
	p, err := t.load(selection{filter: plan.Filter{Servers: []string{"iterative", "eventloop", "prefork", "threaded", "uwsgi"}, Apps: []string{"bare", "flask"}}})
	if err != nil {
		return err
	}
	return t.withImages(ctx, p, f.where, buildOptions{}, func(w *workspace, images run.Images) error {
		b := &benchmark{workspace: w, plan: p, images: images}
		return errors.Join(b.speed(ctx, f), b.memory(ctx, f))
	})
}

// benchmark is what the measurements need.
type benchmark struct {
	*workspace
	plan   *plan.Plan
	images run.Images
}

func (b *benchmark) speed(ctx context.Context, f benchFlags) error {
	if f.rounds == 0 {
		return nil
	}
	side, ok := b.backend.(bencher)
	if !ok {
		return errors.New("this engine cannot measure")
	}
	tool, err := side.Toolchain(ctx, buildOptions{say: b.console.say})
	if err != nil {
		return err
	}
	wrk := func(ctx context.Context, cell engine.Instance, cpus string, args ...string) ([]byte, error) {
		return side.Beside(ctx, cell, tool, append([]string{"wrk"}, args...), cpus)
	}
	for _, app := range []string{"bare", "flask"} {
		load := bench.Load{App: app, Path: "/hello", Rounds: f.rounds, Duration: f.duration, Connections: 32}
		rows, err := bench.Compare(ctx, b.start, wrk, contenders, load)
		if err != nil {
			return err
		}
		if err := bench.Print(b.console.out, load, rows); err != nil {
			return err
		}
	}
	return nil
}

func (b *benchmark) memory(ctx context.Context, f benchFlags) error {
	if f.transfers == 0 {
		return nil
	}
	t := bench.Transfers{App: "bare", Upload: "/upload", Download: "/flow/bench", Count: f.transfers, Size: 64 << 20}
	var rows []bench.Memory
	for _, e := range ours {
		m, err := bench.Measure(ctx, b.start, e, t)
		if err != nil {
			return fmt.Errorf("%s: %w", e.Name, err)
		}
		rows = append(rows, m)
	}
	return bench.PrintMemory(b.console.out, t, rows)
}

// start starts a cell and waits until it answers.
func (b *benchmark) start(ctx context.Context, server, app string, command []string, cpus string) (engine.Instance, error) {
	for _, c := range b.plan.Cells {
		if c.Server.Name != server || c.App.Name != app {
			continue
		}
		var setup *plan.Setup
		if command != nil {
			setup = &plan.Setup{Name: "bench", Command: command}
		}
		spec, err := run.Spec(c, setup, b.images)
		if err != nil {
			return nil, err
		}
		spec.CPUs = cpus
		return run.Start(ctx, b, spec, run.DefaultLimits())
	}
	return nil, fmt.Errorf("matrix.yaml has no cell of %s with %s", server, app)
}
