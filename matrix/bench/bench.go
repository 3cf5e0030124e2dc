// Package bench measures servers against a named peer: requests per second with one core for
// the server and one for the client, and what uploads and downloads leave behind in memory. It
// says ratios and medians of interleaved rounds, and never whether they are good enough: a
// machine's noise must not fail a test.
package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"wsgimatrix/matrix/engine"
)

// Entry is one server in a comparison.
type Entry struct {
	Name    string
	Server  string
	Command []string // instead of the image's own; {app} is the callable
}

// Load is what is asked of every entry.
type Load struct {
	App         string
	Path        string
	Rounds      int
	Duration    time.Duration
	Connections int
}

// Start starts a cell of a server and an app; a command replaces the image's own. The cell
// answers when Start returns.
type Start func(ctx context.Context, server, app string, command []string, cpus string) (engine.Instance, error)

// Wrk runs wrk beside a cell, in its network, and returns what it printed.
type Wrk func(ctx context.Context, cell engine.Instance, cpus string, args ...string) ([]byte, error)

// The core of the server, and that of the client.
const (
	serverCPU = "0"
	clientCPU = "1"
)

// Row is what one entry reached.
type Row struct {
	Name      string
	PerSecond []float64 // a round each
	Failed    int       // responses that were no success
}

// Median is the row's middle round.
func (r Row) Median() float64 { return median(r.PerSecond) }

func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}

// Compare asks the same of every entry, in turns, so that a machine that grows slower does so
// for all of them.
func Compare(ctx context.Context, start Start, wrk Wrk, entries []Entry, load Load) (rows []Row, err error) {
	cells := make([]engine.Instance, len(entries))
	defer func() {
		for _, c := range cells {
			if c != nil {
				err = errors.Join(err, c.Remove(context.WithoutCancel(ctx)))
			}
		}
	}()
	for i, e := range entries {
		if cells[i], err = start(ctx, e.Server, load.App, e.Command, serverCPU); err != nil {
			return nil, fmt.Errorf("%s with %s: %w", e.Name, load.App, err)
		}
		rows = append(rows, Row{Name: e.Name})
	}
	for range load.Rounds {
		for i := range entries {
			if err := rows[i].round(ctx, wrk, cells[i], load); err != nil {
				return nil, fmt.Errorf("%s with %s: %w", entries[i].Name, load.App, err)
			}
		}
	}
	return rows, nil
}

func (r *Row) round(ctx context.Context, wrk Wrk, cell engine.Instance, load Load) error {
	out, err := wrk(ctx, cell, clientCPU,
		"-t1", fmt.Sprintf("-c%d", load.Connections), fmt.Sprintf("-d%ds", int(load.Duration.Seconds())), "http://127.0.0.1:8000"+load.Path)
	if err != nil {
		return err
	}
	perSecond, failed, err := parseWrk(out)
	if err != nil {
		return err
	}
	r.PerSecond = append(r.PerSecond, perSecond)
	r.Failed += failed
	return nil
}

// Print writes the rows as a table; the last row is the peer that the others are held against.
func Print(w io.Writer, load Load, rows []Row) error {
	peer := rows[len(rows)-1].Median()
	_, err := fmt.Fprintf(w, "%s %s: %d rounds of %s, %d connections, one core each for server and wrk\n\n| server | requests/s, median | min–max | × %s | not 2xx |\n|---|---|---|---|---|\n",
		load.App, load.Path, load.Rounds, load.Duration, load.Connections, rows[len(rows)-1].Name)
	for _, r := range rows {
		_, bad := fmt.Fprintf(w, "| %s | %.0f | %.0f–%.0f | %.2f | %d |\n",
			r.Name, r.Median(), slices.Min(r.PerSecond), slices.Max(r.PerSecond), r.Median()/peer, r.Failed)
		err = errors.Join(err, bad)
	}
	_, bad := fmt.Fprintln(w)
	return errors.Join(err, bad)
}
