package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/spf13/cobra"

	"wsgimatrix/matrix/golden"
	"wsgimatrix/matrix/plan"
	"wsgimatrix/matrix/run"
)

// goldenFlags are the flags of `matrix golden`.
type goldenFlags struct {
	selection
	where
	check bool
}

func (t *tool) goldenCommand() *cobra.Command {
	var f goldenFlags
	c := &cobra.Command{
		Use:   "golden",
		Short: "Make the golden files anew from the apps, in-process, with no server",
		Args:  cobra.NoArgs,
		RunE:  func(c *cobra.Command, _ []string) error { return t.goldens(c.Context(), f) },
	}
	f.selection.flags(c, false)
	f.where.flags(c)
	c.Flags().BoolVar(&f.check, "check", false, "write nothing; exit 1 when something would change")
	return c
}

func (t *tool) goldens(ctx context.Context, f goldenFlags) (err error) {
	p, err := t.load(f.selection)
	if err != nil {
		return err
	}
	w, err := t.enter(ctx, p.Root, f.where)
	if err != nil {
		return err
	}
	defer func() { err = afterwards(err, w.leave(ctx)) }()
	images, err := w.images(ctx, p, buildOptions{appsOnly: true})
	if err != nil {
		return err
	}
	u := &updating{workspace: w, check: f.check}
	for _, c := range eachApp(p) {
		if err := u.app(ctx, c, images); err != nil {
			return err
		}
	}
	return u.verdict()
}

// eachApp gives one cell of each app: its cases are the same with every server.
func eachApp(p *plan.Plan) []plan.Cell {
	seen := map[*plan.App]bool{}
	var cells []plan.Cell
	for _, c := range p.Cells {
		if !seen[c.App] {
			cells = append(cells, c)
		}
		seen[c.App] = true
	}
	return cells
}

// updating is one `matrix golden` under way.
type updating struct {
	*workspace
	check                  bool
	agree, changed, failed int
}

// app makes the golden files of an app.
func (u *updating) app(ctx context.Context, c plan.Cell, images run.Images) error {
	image := images.Apps[c.App.Name]
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case image == "":
		return fmt.Errorf("there is no image of app %s: its build failed", c.App.Name)
	}
	h := &harness{backend: u.backend, app: c.App, image: image}
	for _, k := range c.Cases {
		if err := u.one(ctx, k, h); err != nil {
			return errors.Join(err, h.close())
		}
	}
	return h.close()
}

// one makes the golden of a case. A case that the app cannot answer is reported, and the rest
// goes on.
func (u *updating) one(ctx context.Context, k *golden.Case, h *harness) error {
	app, err := h.get(ctx)
	if err != nil {
		return err
	}
	change, err := golden.Update(ctx, k, app)
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case err != nil:
		u.failed++
		u.console.say("%v", err)
		return h.close() // whatever state the app is in, the next case gets a new one
	case !change.Changed():
		u.agree++
		return nil
	}
	u.changed++
	u.console.say("%s", change.Diff)
	if u.check {
		return nil
	}
	return replace(change.File, func(w io.Writer) error {
		_, err := w.Write(change.New)
		return err
	})
}

func (u *updating) verdict() error {
	did := "changed"
	if u.check {
		did = "to be changed"
	}
	u.console.say("%s as the app answers, %d %s, %d cannot be made", plural(u.agree, "case"), u.changed, did, u.failed)
	if u.failed > 0 || u.check && u.changed > 0 {
		return coded{exitDiffers, errShown}
	}
	return nil
}

// harness is an app in a container, with no server, started when it is first asked for.
type harness struct {
	backend backend
	app     *plan.App
	image   string
	running *golden.App
	stderr  notes // what the app itself printed
}

func (h *harness) get(ctx context.Context) (*golden.App, error) {
	if h.running != nil {
		return h.running, nil
	}
	argv := []string{"python3", "-c", golden.Harness, h.app.Callable}
	process, err := h.backend.Harness(ctx, h.image, argv, h.app.Env, &h.stderr)
	if err != nil {
		return nil, err
	}
	h.running, err = golden.NewApp(ctx, process)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("app %s: %w%s", h.app.Name, err, h.stderr.text()), process.Close())
	}
	return h.running, nil
}

func (h *harness) close() error {
	if h.running == nil {
		return nil
	}
	app := h.running
	h.running = nil
	return app.Close()
}

// notes keeps what a process prints, for the message about its failure.
type notes struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

const notesMost = 64 << 10

func (n *notes) Write(p []byte) (int, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.buf.Write(p[:min(len(p), max(0, notesMost-n.buf.Len()))])
	return len(p), nil
}

func (n *notes) text() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.buf.Len() == 0 {
		return ""
	}
	return "\n" + strings.TrimSpace(n.buf.String())
}
