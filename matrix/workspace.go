package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"wsgimatrix/matrix/plan"
)

// selection are the flags that narrow a plan.
type selection struct {
	filter plan.Filter
}

func (s *selection) flags(c *cobra.Command, servers bool) {
	if servers {
		c.Flags().StringSliceVar(&s.filter.Servers, "server", nil, "only servers that match this `GLOB`")
	}
	c.Flags().StringSliceVar(&s.filter.Apps, "app", nil, "only apps that match this `GLOB`")
	c.Flags().StringSliceVar(&s.filter.Cases, "case", nil, "only cases that match this `GLOB`: CASE or APP/CASE")
}

// load reads the plan and narrows it. Whatever is wrong in it is a matter of configuration.
func (t *tool) load(s selection) (*plan.Plan, error) {
	root, err := t.findRoot()
	if err != nil {
		return nil, usage(err)
	}
	whole, err := plan.Load(root)
	if err != nil {
		return nil, usage(err)
	}
	selected, err := whole.Select(s.filter)
	return selected, usage(err)
}

func (t *tool) findRoot() (string, error) {
	if t.root == "" {
		return plan.FindRoot()
	}
	if _, err := os.Stat(filepath.Join(t.root, plan.File)); err != nil {
		return "", fmt.Errorf("--root %s is no checkout: %w", t.root, err)
	}
	return t.root, nil
}

// workspace is what a command has while it works on an engine.
type workspace struct {
	backend
	console *console
	id      string // of this run
	out     string // the folder that its lock guards
	lock    *lock
}

// where are the flags of a command that works on an engine.
type where struct {
	out string
}

func (w *where) flags(c *cobra.Command) {
	c.Flags().StringVar(&w.out, "out", "", "the `DIR` for what is written, one run at a time (default: out, in the checkout)")
}

// enter takes the output folder's lock, connects to the engine, and sweeps away what dead
// runs have left there. Leave must follow.
func (t *tool) enter(ctx context.Context, root string, place where) (_ *workspace, err error) {
	w := &workspace{console: newConsole(t.out), id: newID(), out: place.out}
	if w.out == "" {
		w.out = filepath.Join(root, "out")
	}
	if w.lock, err = takeLock(w.out, t.command); err != nil {
		return nil, err
	}
	w.backend, err = t.open(ctx, root, w.id, w.lock.path, w.console.say)
	if err != nil {
		return nil, errors.Join(err, w.lock.release())
	}
	w.sweep(ctx)
	return w, nil
}

// sweep removes what dead runs left behind. What cannot be removed is no reason not to run.
func (w *workspace) sweep(ctx context.Context) {
	n, err := w.Sweep(ctx)
	if n > 0 {
		w.console.say("removed %s that a run which died had left on the engine", plural(n, "thing"))
	}
	if err != nil {
		w.console.say("what a run which died has left on the engine cannot be removed: %v", err)
	}
}

// leave removes everything that this run has on the engine, and gives the lock back.
func (w *workspace) leave(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), leaveLimit)
	defer cancel()
	return errors.Join(w.Close(ctx), w.lock.release())
}

// leaveLimit is how long the engine may take to remove everything that a run has there.
const leaveLimit = time.Minute

// newID names a run: short, for it is part of every container's name.
func newID() string {
	var b [4]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}
