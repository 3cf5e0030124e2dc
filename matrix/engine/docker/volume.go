package docker

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/volume"
)

// appDir is where an app image holds the application, and where a cell finds it.
const appDir = "/app"

// volumes are this run's copies of what the app images hold, by image.
type volumes struct {
	mu   sync.Mutex
	made map[string]*appVolume
}

// appVolume is filled once, by whoever asks first; the others wait for it.
type appVolume struct {
	mu   sync.Mutex
	name string // empty until it is filled
}

func (v *volumes) of(image string) *appVolume {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.made == nil {
		v.made = map[string]*appVolume{}
	}
	if v.made[image] == nil {
		v.made[image] = &appVolume{}
	}
	return v.made[image]
}

// volume is the name of the volume that holds what the app image has in /app. A failure is
// not remembered: the next cell may find the engine in a better state.
func (e *Engine) volume(ctx context.Context, app, image string) (string, error) {
	vol := e.volumes.of(image)
	vol.mu.Lock()
	defer vol.mu.Unlock()
	if vol.name != "" {
		return vol.name, nil
	}
	name, err := e.fill(ctx, app, image)
	if err != nil {
		return "", fmt.Errorf("fill the volume of %s from %s: %w", app, image, err)
	}
	vol.name = name
	return name, nil
}

// fill lets the engine copy /app into a new volume, as it does for any empty volume that is
// mounted over a folder of an image. Docker copies when the container is made, Podman
// when it starts: so it is started, without a network, for as long as `true` takes.
func (e *Engine) fill(ctx context.Context, app, image string) (_ string, err error) {
	ctx, cancel := context.WithTimeout(ctx, limits.Fill)
	defer cancel()
	name := e.name("app", app)
	id, err := e.filler(ctx, name, image)
	if id != "" {
		defer func() { err = errors.Join(err, removeContainer(context.WithoutCancel(ctx), e.cli, id)) }()
	}
	if err != nil {
		return "", err
	}
	return name, e.runToEnd(ctx, id)
}

// filler makes the volume, and the container that fills it.
func (e *Engine) filler(ctx context.Context, name, image string) (string, error) {
	ctx, cancel := creating(ctx)
	defer cancel()
	if _, err := e.cli.VolumeCreate(ctx, volume.CreateOptions{Name: name, Labels: e.owner.labels()}); err != nil {
		return "", err
	}
	host := &container.HostConfig{NetworkMode: network.NetworkNone}
	confine(host)
	host.Mounts = []mount.Mount{appMount(name, false)}
	made, err := e.cli.ContainerCreate(ctx, &container.Config{
		Image:      image,
		User:       nobody,
		Entrypoint: []string{"true"},
		Labels:     e.owner.labels(),
	}, host, nil, nil, name+"-fill")
	return made.ID, err
}

// runToEnd starts a container and waits for it to end well.
func (e *Engine) runToEnd(ctx context.Context, id string) error {
	done, failed := e.cli.ContainerWait(ctx, id, container.WaitConditionNextExit)
	if err := e.cli.ContainerStart(ctx, id, container.StartOptions{}); err != nil {
		return err
	}
	select {
	case err := <-failed:
		return err
	case end := <-done:
		if end.StatusCode != 0 {
			return fmt.Errorf("exit code %d", end.StatusCode)
		}
		return nil
	}
}

func appMount(volume string, readOnly bool) mount.Mount {
	return mount.Mount{Type: mount.TypeVolume, Source: volume, Target: appDir, ReadOnly: readOnly}
}
