// Package engine says what it takes to run a cell, whatever runs it. It owns the
// interface alone; engine/docker implements it on a container engine.
package engine

import (
	"context"

	"wsgimatrix/matrix/results"
)

// Spec is one cell, as an engine needs to know it.
type Spec struct {
	Server   string            // its name, for labels and messages
	App      string            // its name, for labels and messages
	Image    string            // the server's image
	AppImage string            // the image that holds /app
	Callable string            // module:callable, the image's one argument
	Port     int               // where the server listens inside
	Stop     string            // the signal that ends it; empty: SIGTERM
	Env      map[string]string // besides what the image sets
	Own      []string          // the server's own command, which its image runs by itself
	Command  []string          // instead of that; nil: the server's own
	CPUs     string            // the cores it may use ("0", "0,1"); empty: all
}

// Engine starts cells. Its methods may be called concurrently.
type Engine interface {
	// Info names the engine and where it runs.
	Info(ctx context.Context) (results.Engine, error)
	// Start starts a cell and returns at once, whether or not its server listens yet.
	// Whatever it has made by the time it fails, it has removed again.
	Start(ctx context.Context, spec Spec) (Instance, error)
	// Close removes everything that this run started, volumes too. It may be called twice.
	Close(ctx context.Context) error
}

// State is whether a cell still runs.
type State struct {
	Running  bool
	ExitCode int
	OOM      bool
}

// Watched is an instance whose server is watched by more than its clients: by a sanitizer.
type Watched interface {
	// Faults is an error when something was wrong. It is asked when the cell has been removed.
	Faults() error
}

// Instance is one started cell.
type Instance interface {
	// Addr is host:port on the loopback, or unix:PATH: where the server is reached.
	Addr() string
	// State asks the engine whether the cell still runs.
	State(ctx context.Context) (State, error)
	// Log is what the server has printed so far, standard output and error together.
	Log(ctx context.Context) ([]byte, error)
	// Exec runs a command inside and returns what it printed; an exit code other than 0 is an error.
	Exec(ctx context.Context, argv []string) ([]byte, error)
	// Signal sends a signal, by its name ("SIGTERM"), to the process that the cell was started as.
	// When it returns the process has been sent it; what it does about it shows later.
	Signal(ctx context.Context, name string) error
	// Remove ends and removes the cell. It may be called twice.
	Remove(ctx context.Context) error
}
