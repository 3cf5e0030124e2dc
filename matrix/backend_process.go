//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"github.com/spf13/cobra"

	"wsgimatrix/matrix/engine/process"
	"wsgimatrix/matrix/plan"
	"wsgimatrix/matrix/run"
)

// engineFlags choose the engine of a run.
type engineFlags struct {
	name, build, socket, python string
}

const (
	engineDocker  = "docker"
	engineProcess = "process"
)

func (f *engineFlags) flags(c *cobra.Command) {
	c.Flags().StringVar(&f.name, "engine", engineDocker, "what cells are: `docker` (containers), or process (processes on this machine: our servers, with apps that need no package)")
	c.Flags().StringVar(&f.build, "build", string(process.Plain), "with --engine process, how our servers are built: `plain`, asan, cgocheck or race")
	c.Flags().StringVar(&f.socket, "socket", process.TCP, "with --engine process, what they listen on: `tcp` or unix")
	c.Flags().StringVar(&f.python, "python", "python3", "with --engine process, the `interpreter`")
}

// words are the flags that a command which repeats a cell needs.
func (f *engineFlags) words() []string {
	if f.name == engineDocker {
		return nil
	}
	return []string{"--engine", f.name, "--build", f.build, "--socket", f.socket, "--python", f.python}
}

// choose makes the tool use the engine, and keeps of the plan what it can run.
func (t *tool) choose(f engineFlags, p *plan.Plan) (*plan.Plan, error) {
	switch f.name {
	case engineDocker:
		if f != (engineFlags{engineDocker, string(process.Plain), process.TCP, "python3"}) {
			return nil, usage(errors.New("--build, --socket and --python go with --engine process"))
		}
		return p, nil
	case engineProcess:
	default:
		return nil, usage(fmt.Errorf("--engine %q: it is %s or %s", f.name, engineDocker, engineProcess))
	}
	build, err := process.ParseBuild(f.build)
	if err == nil && f.socket != process.TCP && f.socket != process.Unix {
		err = fmt.Errorf("--socket %q: it is %s or %s", f.socket, process.TCP, process.Unix)
	}
	if err != nil {
		return nil, usage(err)
	}
	opts := process.Options{Root: p.Root, Build: build, Socket: f.socket, Python: f.python}
	t.open = func(context.Context, string, string, string, func(string, ...any)) (backend, error) {
		e, err := process.New(opts)
		return &processBackend{e}, err
	}
	kept, err := p.Only(opts.Runs(), "--engine process runs our own servers with apps that need no package, and --build race all of them but "+process.Forking)
	return kept, usage(err)
}

// processBackend is this machine.
type processBackend struct{ *process.Engine }

// Build builds the servers; an app is its folder.
func (b *processBackend) Build(ctx context.Context, p *plan.Plan, _ buildOptions) (run.Images, error) {
	images := run.Images{Servers: map[string]string{}, Apps: map[string]string{}, Why: map[string]string{}}
	var names []string
	for _, s := range p.Servers {
		names = append(names, s.Name)
	}
	var err error
	if images.Servers, err = b.Make(ctx, names); err != nil {
		return run.Images{}, err
	}
	for _, a := range p.Apps {
		if images.Apps[a.Name], err = filepath.Abs(a.Dir); err != nil {
			return run.Images{}, err
		}
	}
	return images, nil
}

// What lives in containers alone has nothing to be done for here.

func (b *processBackend) Prune(context.Context, *plan.Plan) (int, error) { return 0, nil }

func (b *processBackend) Sweep(context.Context) (int, error) { return 0, nil }

func (b *processBackend) Clean(context.Context, *plan.Plan) (string, error) { return "", nil }

func (b *processBackend) Harness(context.Context, string, []string, map[string]string, io.Writer) (io.ReadWriteCloser, error) {
	return nil, errors.New("golden files are made in containers")
}
