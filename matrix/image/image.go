// Package image builds the images of a run and removes those that nobody needs any more.
//
// It owns the build context, the tags, the base image and the order of the builds. What an
// image is made of stands in the Dockerfile, server.yaml and app.yaml; it never runs a cell.
package image

import (
	"context"
	"fmt"
	"path/filepath"
	"runtime"
	"time"

	"github.com/docker/docker/client"

	"wsgimatrix/matrix/engine/docker"
)

// limits are the longest waits of this package.
var limits = struct {
	Registry  time.Duration // for a registry to answer at all
	Pull      time.Duration // for the whole of the base image
	Bootstrap time.Duration // for debootstrap, or for apt-get to install it
	Build     time.Duration // for one image
	Prune     time.Duration // for everything that is removed
}{
	Registry:  20 * time.Second,
	Pull:      5 * time.Minute,
	Bootstrap: 10 * time.Minute,
	Build:     30 * time.Minute,
	Prune:     2 * time.Minute,
}

// Kind is a kind of image.
type Kind string

// The kinds. Server and App are made once per folder, the others once.
const (
	Base      Kind = "base"
	Toolchain Kind = "toolchain" // Go, gcc and Python's headers: where servers are tested
	build     Kind = "build"     // an image of its own so that its layers are not taken for litter
	Server    Kind = "server"
	App       Kind = "app"

	// Ours is no kind: it is what a server of ours is From.
	Ours Kind = "ours"
)

// Target is an image that somebody wants.
type Target struct {
	Kind Kind
	Name string // of the folder; empty for a kind that is made once
	From Kind   // of a server: Base (also when empty) or Ours
}

func (t Target) String() string {
	if t.Name == "" {
		return string(t.Kind)
	}
	return string(t.Kind) + "-" + t.Name
}

// stage is the target's stage in the Dockerfile.
func (t Target) stage() string {
	if t.From == Ours {
		return string(Ours)
	}
	return string(t.Kind)
}

func (t Target) check() error {
	needsName := t.Kind == Server || t.Kind == App
	if needsName == (t.Name == "") {
		return fmt.Errorf("image: a target of kind %s with the name %q", t.Kind, t.Name)
	}
	return nil
}

// repository is the name of the target's images; the tag tells them apart.
func (t Target) repository() string { return repositories + t.String() }

const repositories = "wsgi-matrix/"

// Options say how to build.
type Options struct {
	Jobs    int                              // builds at once; 0: one a core
	Refresh bool                             // against the mirror's newest packages
	Say     func(format string, args ...any) // progress, a line a call; called concurrently
}

// Images builds and removes images. They are named by their content, so checkouts share them.
type Images struct {
	cli  *client.Client
	root string
}

// New prepares for the checkout at root. It builds nothing.
func New(cli *client.Client, root string) (*Images, error) {
	path, err := filepath.Abs(root)
	if err != nil {
		return nil, fmt.Errorf("image: checkout %s: %w", root, err)
	}
	return &Images{cli: cli, root: path}, nil
}

// Build makes the images that are not there yet and returns the name of each. Where some
// cannot be built, the error tells of each one, and the names of the others are returned.
func (m *Images) Build(ctx context.Context, targets []Target, opts Options) (map[Target]string, error) {
	b, err := m.prepare(ctx, opts)
	if err != nil {
		return nil, docker.Explain(ctx, m.cli, err)
	}
	missing, err := b.missing(ctx, targets)
	b.touch(ctx, targets)
	switch {
	case err != nil:
	case len(missing) == 0:
		b.opts.Say("nothing to build: every image is there")
	default:
		err = b.alone(ctx, missing)
	}
	return b.names(targets), docker.Explain(ctx, m.cli, err)
}

// alone builds while no other run on this machine does. One that did before may have built
// the same, which `one` finds.
func (b *builder) alone(ctx context.Context, missing []Target) error {
	release, err := buildLock(ctx, b.opts.Say)
	if err != nil {
		return err
	}
	defer release()
	return b.all(ctx, missing)
}

// prepare reads the build context and makes sure of the base image, on whose identity
// every tag depends.
func (m *Images) prepare(ctx context.Context, opts Options) (*builder, error) {
	if opts.Jobs <= 0 {
		opts.Jobs = runtime.NumCPU()
	}
	if opts.Say == nil {
		opts.Say = func(string, ...any) {}
	}
	files, err := readContext(m.root)
	if err != nil {
		return nil, err
	}
	debian, err := m.debian(ctx, opts.Say)
	if err != nil {
		return nil, err
	}
	stamp, err := m.stamp(ctx, opts.Refresh)
	if err != nil {
		return nil, err
	}
	return &builder{
		Images: m,
		opts:   opts,
		tags:   tags{files: files, debian: debian, stamp: stamp},
		slots:  make(chan struct{}, opts.Jobs),
	}, nil
}
