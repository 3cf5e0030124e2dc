package docker

import (
	"context"
	"errors"
	"fmt"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/volume"
	"github.com/docker/docker/client"
)

// Swept counts what was removed.
type Swept struct {
	Containers, Volumes, Networks int
}

// Sum is the number of things removed.
func (s Swept) Sum() int { return s.Containers + s.Volumes + s.Networks }

// Sweep removes what dead runs of this checkout left behind: runs that were killed, or
// whose machine went down. A run lives as long as it holds the lock that it is labelled with.
func (e *Engine) Sweep(ctx context.Context) (Swept, error) { return e.remove(ctx, e.dead) }

// dead tells whether a thing with these labels belongs to a dead run of this checkout.
func (e *Engine) dead(labels map[string]string) bool {
	return labels[LabelCheckout] == e.owner.checkout && labels[labelRun] != e.owner.run && !e.alive(labels[labelLock])
}

// Clean removes every container, volume and network of this checkout's runs, but those of
// runs that still live.
func (e *Engine) Clean(ctx context.Context) (Swept, error) { return e.Sweep(ctx) }

// alive tells whether the run that is labelled with this lock still holds it. Two runs never
// hold one lock, so a thing that carries ours and is not ours belongs to a dead run.
func (e *Engine) alive(lock string) bool {
	return lock != e.owner.lock && held(lock)
}

// remove removes everything labelled as ours for which want holds: containers first, for
// they use the rest.
func (e *Engine) remove(ctx context.Context, want func(map[string]string) bool) (Swept, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), limits.Sweep)
	defer cancel()
	var swept Swept
	var errs [3]error
	swept.Containers, errs[0] = e.removeContainers(ctx, want)
	swept.Volumes, errs[1] = e.removeVolumes(ctx, want)
	swept.Networks, errs[2] = e.removeNetworks(ctx, want)
	return swept, errors.Join(errs[:]...)
}

func ours() filters.Args { return filters.NewArgs(filters.Arg("label", Label+"=1")) }

func (e *Engine) removeContainers(ctx context.Context, want func(map[string]string) bool) (int, error) {
	list, err := e.cli.ContainerList(ctx, container.ListOptions{All: true, Filters: ours()})
	if err != nil {
		return 0, fmt.Errorf("docker: list containers: %w", err)
	}
	var ids []string
	for i := range list {
		if want(list[i].Labels) {
			ids = append(ids, list[i].ID)
		}
	}
	return each(ids, func(id string) error { return removeContainer(ctx, e.cli, id) })
}

func (e *Engine) removeVolumes(ctx context.Context, want func(map[string]string) bool) (int, error) {
	list, err := e.cli.VolumeList(ctx, volume.ListOptions{Filters: ours()})
	if err != nil {
		return 0, fmt.Errorf("docker: list volumes: %w", err)
	}
	var names []string
	for _, v := range list.Volumes {
		if want(v.Labels) {
			names = append(names, v.Name)
		}
	}
	return each(names, func(name string) error { return gone(e.cli.VolumeRemove(ctx, name, true)) })
}

func (e *Engine) removeNetworks(ctx context.Context, want func(map[string]string) bool) (int, error) {
	list, err := e.cli.NetworkList(ctx, network.ListOptions{Filters: ours()})
	if err != nil {
		return 0, fmt.Errorf("docker: list networks: %w", err)
	}
	var ids []string
	for i := range list {
		if want(list[i].Labels) {
			ids = append(ids, list[i].ID)
		}
	}
	return each(ids, func(id string) error { return gone(e.cli.NetworkRemove(ctx, id)) })
}

// each removes side by side: after Ctrl-C there are seconds, and a removal takes a
// fraction of one.
func each(ids []string, remove func(string) error) (int, error) {
	errs := make(chan error, len(ids))
	for _, id := range ids {
		go func() { errs <- remove(id) }()
	}
	var all []error
	removed := 0
	for range ids {
		if err := <-errs; err != nil {
			all = append(all, err)
			continue
		}
		removed++
	}
	return removed, errors.Join(all...)
}

// removeContainer kills and removes a container, and returns when it is gone, whoever
// removed it.
func removeContainer(ctx context.Context, cli *client.Client, id string) error {
	ctx, cancel := context.WithTimeout(ctx, limits.Remove)
	defer cancel()
	err := cli.ContainerRemove(ctx, id, container.RemoveOptions{Force: true, RemoveVolumes: true})
	if errdefs.IsConflict(err) { // somebody else is at it
		err = awaitRemoval(ctx, cli, id)
	}
	if gone(err) != nil {
		return fmt.Errorf("docker: remove container %.12s: %w", id, err)
	}
	return nil
}

func awaitRemoval(ctx context.Context, cli *client.Client, id string) error {
	done, failed := cli.ContainerWait(ctx, id, container.WaitConditionRemoved)
	select {
	case <-done:
		return nil
	case err := <-failed:
		return err
	}
}

// gone is nil when the thing to remove is not there any more.
func gone(err error) error {
	if errdefs.IsNotFound(err) {
		return nil
	}
	return err
}
