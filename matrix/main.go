// Command matrix runs every WSGI server with every application, each pair in a container,
// and holds every response against a golden file.
//
// This package owns the command line: flags, the lock of an output folder, what is shown
// while a run works, and the exit codes. What a run is, package run knows; what becomes of
// it, package report.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"wsgimatrix/matrix/mistake"
	"wsgimatrix/matrix/results"
)

// The exit codes.
const (
	exitExpected = 0 // every outcome is as expected
	exitDiffers  = 1 // something differs
	exitUsage    = 2 // bad usage or configuration
	exitBroken   = 3 // the runner or the engine failed, or a cell could not be judged, or the run did not come to its end
)

func main() {
	ctx, stop := interruptible(context.Background(), os.Stderr)
	defer stop()
	t := &tool{out: os.Stdout, err: os.Stderr, open: openDocker}
	os.Exit(t.run(ctx, os.Args)) // stop has nothing to do in a process that ends
}

var errInterrupted = errors.New("interrupted")

// interruptible makes a context that the first Ctrl-C ends, or SIGTERM, or a terminal that hangs
// up; the second ends the process.
func interruptible(ctx context.Context, say io.Writer) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	signal.Ignore(syscall.SIGPIPE) // nobody reads on: the report is written all the same
	go func() {
		if _, ok := <-signals; !ok {
			return
		}
		_, _ = fmt.Fprintln(say, "\nmatrix: stopping, and removing what runs; once more leaves at once")
		cancel(errInterrupted)
		if _, ok := <-signals; ok {
			os.Exit(exitBroken)
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		close(signals)
		cancel(nil)
	}
}

// tool is the command line with what it stands on.
type tool struct {
	out, err io.Writer
	open     opener // makes the backend

	root    string // --root
	command []string
	started bool // the command line was understood
}

// run carries out a command line and returns the exit code.
func (t *tool) run(ctx context.Context, args []string) int {
	t.command = args
	c := t.commands()
	c.SetArgs(args[1:])
	c.SetOut(t.out)
	c.SetErr(t.err)
	err := c.ExecuteContext(ctx)
	if err == nil {
		return exitExpected
	}
	if text := complaint(err); text != "" {
		_, _ = fmt.Fprintln(t.err, text)
	}
	return t.code(err)
}

// complaint is what is said about an error. Mistakes begin with the file and the line, so
// that an editor can follow them.
func complaint(err error) string {
	var wrong *mistake.At
	switch {
	case errors.Is(err, errShown):
		return ""
	case errors.As(err, &wrong):
		return err.Error()
	}
	return "matrix: " + err.Error() + mendFor(err)
}

// mendFor names the mend of what the system reports without one.
func mendFor(err error) string {
	switch {
	case errors.Is(err, syscall.ENOSPC):
		return "\nThe disk is full: `bin/matrix clean` removes every image and container of this checkout; --out DIR writes elsewhere."
	case errors.Is(err, os.ErrPermission):
		if strings.Contains(err.Error(), "docker") {
			return "" // which has its own
		}
		return "\nThis user may not: see who owns it, or choose another folder with --out DIR."
	}
	return ""
}

// coded is an error with its exit code; without one it is the runner's own failure.
type coded struct {
	code int
	error
}

func (c coded) Unwrap() error { return c.error }

// errShown ends a command that has said everything already.
var errShown = errors.New("it has been shown")

func usage(err error) error {
	if err == nil {
		return nil
	}
	return coded{exitUsage, err}
}

func (t *tool) code(err error) int {
	var c coded
	switch {
	case errors.As(err, &c):
		return c.code
	case !t.started:
		return exitUsage // the command line was not understood
	}
	return exitBroken
}

// verdict is a run as an exit code. One that was interrupted has not told what it was to
// tell, whatever it has found by then.
func verdict(r *results.Run, interrupted bool) error {
	switch {
	case interrupted && r.Partial != "", r.Outcome == results.Error, r.Outcome == results.Skip:
		return coded{exitBroken, errShown}
	case r.Outcome == results.Fail:
		return coded{exitDiffers, errShown}
	}
	return nil
}

func (t *tool) commands() *cobra.Command {
	c := &cobra.Command{
		Use:   "matrix",
		Short: "Run every WSGI server with every application, and compare every response with its golden file",
		Long: `Run every WSGI server with every application, each pair in a container of its own, and
compare every response with its golden file.

Exit codes: 0 every outcome is as expected; 1 something differs; 2 bad usage or
configuration; 3 the runner or the engine failed, or a cell could not be judged.`,
		SilenceUsage:      true,
		SilenceErrors:     true,
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: true},
		RunE: func(c *cobra.Command, _ []string) error {
			return usage(errors.Join(c.Help(), errors.New("name a command")))
		},
		PersistentPreRun: func(*cobra.Command, []string) { t.started = true },
	}
	c.PersistentFlags().StringVar(&t.root, "root", "", "the checkout (default: the folder with matrix.yaml, from here upward)")
	c.AddCommand(t.runCommand(), t.listCommand(), t.goldenCommand(), t.cleanCommand(), t.floorCommand(), t.benchCommand(), t.findingsCommand(), t.versionCommand())
	return c
}
