package main

import (
	"context"
	"errors"
	"io"

	"wsgimatrix/matrix/engine"
	"wsgimatrix/matrix/engine/docker"
	"wsgimatrix/matrix/image"
	"wsgimatrix/matrix/plan"
	"wsgimatrix/matrix/run"
)

// backend is an engine with what the commands need of it besides running cells.
type backend interface {
	engine.Engine
	// Build makes the images of a plan. It returns those that there are even when others failed.
	Build(ctx context.Context, p *plan.Plan, opts buildOptions) (run.Images, error)
	// Prune removes images that no plan needs any more.
	Prune(ctx context.Context, whole *plan.Plan) (int, error)
	// Harness runs a command in a container of an app's image; closing it ends the command.
	Harness(ctx context.Context, image string, argv []string, env map[string]string, stderr io.Writer) (io.ReadWriteCloser, error)
	// Sweep removes what dead runs of this checkout left behind, and counts it.
	Sweep(ctx context.Context) (int, error)
	// Clean removes everything that this checkout has on the engine, and says what that was.
	Clean(ctx context.Context, whole *plan.Plan) (string, error)
}

// bencher is what measuring needs besides.
type bencher interface {
	// Toolchain is the image in which servers are built, tested and measured.
	Toolchain(ctx context.Context, opts buildOptions) (string, error)
	// Beside runs a command in a container of its own that shares a cell's network.
	Beside(ctx context.Context, cell engine.Instance, image string, argv []string, cpus string) ([]byte, error)
}

// buildOptions say which images to build, and how.
type buildOptions struct {
	appsOnly bool
	refresh  bool
	say      func(format string, args ...any)
}

// opener makes a backend for one run.
type opener func(ctx context.Context, root, id, lock string, say func(string, ...any)) (backend, error)

// dockerBackend is Docker, or Podman's Docker API.
type dockerBackend struct {
	*docker.Engine
	images *image.Images
}

func openDocker(ctx context.Context, root, id, lock string, say func(string, ...any)) (backend, error) {
	cli, err := docker.Connect(ctx, say)
	if err != nil {
		return nil, err
	}
	e, err := docker.New(ctx, docker.Options{Client: cli, Root: root, RunID: id, LockPath: lock})
	if err != nil {
		return nil, errors.Join(err, cli.Close())
	}
	images, err := image.New(cli, root)
	if err != nil {
		return nil, errors.Join(err, e.Close(ctx))
	}
	return &dockerBackend{e, images}, nil
}

func (d *dockerBackend) Build(ctx context.Context, p *plan.Plan, opts buildOptions) (run.Images, error) {
	built, err := d.images.Build(ctx, targets(p, opts.appsOnly), image.Options{Refresh: opts.refresh, Say: opts.say})
	images := run.Images{Servers: map[string]string{}, Apps: map[string]string{}}
	for target, name := range built {
		switch target.Kind {
		case image.Server:
			images.Servers[target.Name] = name
		case image.App:
			images.Apps[target.Name] = name
		}
	}
	images.Why = map[string]string{}
	for _, f := range image.Failures(err) {
		images.Why[f.Target.Name] = f.Error()
	}
	return images, err
}

// targets are the images that a plan needs.
func targets(p *plan.Plan, appsOnly bool) []image.Target {
	var all []image.Target
	for _, a := range p.Apps {
		all = append(all, image.Target{Kind: image.App, Name: a.Name})
	}
	if appsOnly {
		return all
	}
	for _, s := range p.Servers {
		all = append(all, image.Target{Kind: image.Server, Name: s.Name, From: image.Kind(s.From)})
	}
	return all
}

func (d *dockerBackend) Toolchain(ctx context.Context, opts buildOptions) (string, error) {
	target := image.Target{Kind: image.Toolchain}
	built, err := d.images.Build(ctx, []image.Target{target}, image.Options{Say: opts.say})
	return built[target], err
}

func (d *dockerBackend) Prune(ctx context.Context, whole *plan.Plan) (int, error) {
	return d.images.Prune(ctx, targets(whole, false))
}

func (d *dockerBackend) Sweep(ctx context.Context) (int, error) {
	swept, err := d.Engine.Sweep(ctx)
	return swept.Sum(), err
}

func (d *dockerBackend) Clean(ctx context.Context, whole *plan.Plan) (string, error) {
	swept, err := d.Engine.Clean(ctx)
	images, err2 := d.images.Clean(ctx, targets(whole, false))
	return cleaned(swept.Containers, swept.Volumes, swept.Networks, images), errors.Join(err, err2)
}

// pipe is a harness's standard streams as one.
type pipe struct {
	*docker.Harness
	ctx context.Context
}

func (p pipe) Read(b []byte) (int, error)  { return p.Stdout.Read(b) }
func (p pipe) Write(b []byte) (int, error) { return p.Stdin.Write(b) }
func (p pipe) Close() error                { return p.Harness.Close(p.ctx) }

func (d *dockerBackend) Harness(ctx context.Context, image string, argv []string, env map[string]string, stderr io.Writer) (io.ReadWriteCloser, error) {
	h, err := d.Engine.Harness(ctx, image, argv, env, stderr)
	if err != nil {
		return nil, err
	}
	return pipe{h, ctx}, nil
}
