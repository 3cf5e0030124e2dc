package image

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/pkg/jsonmessage"
)

// debianImage is what every image starts from, under the name that registries give it.
const debianImage = "debian:trixie-slim"

// debian makes sure of the image that base starts from, and returns its identity.
func (m *Images) debian(ctx context.Context, say func(string, ...any)) (string, error) {
	id, err := m.identity(ctx)
	if id != "" || err != nil {
		return id, err
	}
	release, err := buildLock(ctx, say)
	if err != nil {
		return "", err
	}
	defer release()
	if id, err := m.identity(ctx); id != "" || err != nil { // another run has made it meanwhile
		return id, err
	}
	if err := m.obtain(ctx, say); err != nil {
		return "", err
	}
	return m.identity(ctx)
}

// obtain pulls the image, or makes it where no registry answers, and says which.
func (m *Images) obtain(ctx context.Context, say func(string, ...any)) error {
	pulled := m.pull(ctx)
	if pulled == nil {
		say("%s: pulled", debianImage)
		return nil
	}
	say("%s: no registry answers (%v); making it with debootstrap", debianImage, pulled)
	mirror, err := m.bootstrap(ctx)
	if err != nil {
		return fmt.Errorf("image: %s can neither be pulled (%w) nor made: %w", debianImage, pulled, err)
	}
	say("%s: made by debootstrap from %s", debianImage, mirror)
	return nil
}

// identity is the image's digest; empty: it is not there.
func (m *Images) identity(ctx context.Context) (string, error) {
	seen, err := m.cli.ImageInspect(ctx, debianImage)
	if errdefs.IsNotFound(err) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("image: look for %s: %w", debianImage, err)
	}
	return seen.ID, nil
}

// pull gives a registry a short time to answer, and a longer one to send the image.
func (m *Images) pull(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, limits.Pull)
	defer cancel()
	silence := time.AfterFunc(limits.Registry, cancel)
	stream, err := m.cli.ImagePull(ctx, debianImage, image.PullOptions{})
	silence.Stop()
	if err != nil {
		return err
	}
	defer func() { _ = stream.Close() }() // read to its end, or of no more use
	return jsonmessage.DisplayJSONMessagesStream(stream, io.Discard, 0, false, nil)
}
