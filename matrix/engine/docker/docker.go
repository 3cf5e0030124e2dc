// Package docker runs cells as containers of a Docker engine, or of Podman's Docker API.
//
// It owns everything that this run puts on the engine: containers and volumes, each
// labelled so that a later run can tell whose it is. It never builds an image (that is
// package image), never sends a request to a server, and never touches what another
// checkout has put there.
package docker

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/docker/docker/client"
	"github.com/testcontainers/testcontainers-go"

	"wsgimatrix/matrix/engine"
	"wsgimatrix/matrix/results"
)

// limits are the longest waits of this package. Each belongs to one kind of call, so
// that an engine that hangs ends in a message and not in silence.
var limits = struct {
	Ping    time.Duration // for an engine to say that it is there
	Daemon  time.Duration // for a daemon that we started to answer
	Install time.Duration // for apt-get to install one
	Create  time.Duration // for the engine to make a container or a volume, also after Ctrl-C
	Fill    time.Duration // for an app image to fill its volume
	Remove  time.Duration // to remove one container or volume, also after Ctrl-C
	Sweep   time.Duration // to list and remove what dead runs left behind
}{
	Ping:    5 * time.Second,
	Daemon:  60 * time.Second,
	Install: 10 * time.Minute,
	Create:  60 * time.Second,
	Fill:    60 * time.Second,
	Remove:  15 * time.Second,
	Sweep:   60 * time.Second,
}

// Options say which run this is.
type Options struct {
	Client   *client.Client // from Connect
	Root     string         // the checkout
	RunID    string         // unique to this run, fit for a container's name
	LockPath string         // the file whose flock this run holds while it lives
}

// Engine runs the cells of one run.
type Engine struct {
	cli      *client.Client
	provider testcontainers.GenericProvider
	owner    owner
	volumes  volumes
	serial   atomic.Int64
}

var _ engine.Engine = (*Engine)(nil)

// quiet makes testcontainers behave before it first reads its configuration: its reaper is
// an image that may not be there to pull (Sweep does that work), and inside a container it
// would take the gateway for the host, while cells are published on the loopback.
var quiet = sync.OnceValue(func() error {
	return errors.Join(
		os.Setenv("TESTCONTAINERS_RYUK_DISABLED", "true"),
		os.Setenv("TESTCONTAINERS_HOST_OVERRIDE", loopback),
	)
})

const loopback = "127.0.0.1"

// New prepares an engine for one run. It starts nothing.
func New(_ context.Context, opts Options) (*Engine, error) {
	own, err := newOwner(opts)
	if err != nil {
		return nil, err
	}
	if err := quiet(); err != nil {
		return nil, fmt.Errorf("docker: configure testcontainers: %w", err)
	}
	provider, err := testcontainers.ProviderDefault.GetProvider()
	if err != nil {
		return nil, fmt.Errorf("docker: testcontainers finds no engine: %w", err)
	}
	return &Engine{cli: opts.Client, provider: provider, owner: own}, nil
}

func newOwner(opts Options) (owner, error) {
	if opts.Client == nil || opts.RunID == "" {
		return owner{}, errors.New("docker: New needs a Client and a RunID")
	}
	root, err := Checkout(opts.Root)
	if err != nil {
		return owner{}, err
	}
	lock, err := filepath.Abs(opts.LockPath)
	if err != nil {
		return owner{}, fmt.Errorf("docker: lock path %s: %w", opts.LockPath, err)
	}
	return owner{checkout: root, run: opts.RunID, lock: lock}, nil
}

// Info names the engine and where it runs.
func (e *Engine) Info(ctx context.Context) (results.Engine, error) {
	info, err := e.cli.Info(ctx)
	if err != nil {
		return results.Engine{}, fmt.Errorf("docker: ask the engine what it is: %w", err)
	}
	return results.Engine{
		Name:    "docker",
		Version: info.ServerVersion,
		CPUs:    info.NCPU,
		OS:      info.OperatingSystem,
	}, nil
}

// Close removes every container and volume of this run. It sweeps once more as well: what a
// killed run had asked for may have come after the first sweep.
func (e *Engine) Close(ctx context.Context) error {
	_, err := e.remove(ctx, func(labels map[string]string) bool {
		return labels[labelRun] == e.owner.run || e.dead(labels)
	})
	return errors.Join(err, e.provider.Close())
}

// creating bounds a call that makes something, and keeps it going when ctx ends: an engine goes
// on with what it was asked for, and whoever asked must learn what there is to remove.
func creating(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), limits.Create)
}
