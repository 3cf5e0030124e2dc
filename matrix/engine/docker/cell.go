package docker

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"
	"github.com/docker/go-connections/nat"
	"github.com/testcontainers/testcontainers-go"

	"wsgimatrix/matrix/engine"
)

// What a cell may use. A server that needs more is a server with a leak.
const (
	cellMemory = 1 << 30
	cellPids   = 512
	cellLog    = "16m" // a server that logs forever must not fill the disk
	cellTmp    = "rw,nosuid,nodev,size=256m,mode=1777"
	nobody     = "65534:65534"
)

// Start starts a cell and returns at once, whether or not its server listens yet.
func (e *Engine) Start(ctx context.Context, spec engine.Spec) (engine.Instance, error) {
	cell, err := e.start(ctx, spec)
	if err != nil {
		return nil, fmt.Errorf("docker: start %s with %s: %w", spec.Server, spec.App, Explain(ctx, e.cli, err))
	}
	return cell, nil
}

func (e *Engine) start(ctx context.Context, spec engine.Spec) (*instance, error) {
	volume, err := e.volume(ctx, spec.App, spec.AppImage)
	if err != nil {
		return nil, err
	}
	made, err := e.create(ctx, e.request(spec, volume))
	if made == nil {
		return nil, err
	}
	cell := &instance{cli: e.cli, id: made.GetContainerID()}
	if err == nil {
		err = made.Start(ctx)
	}
	if err == nil {
		cell.addr, err = published(ctx, made, spec.Port)
	}
	if err != nil {
		return nil, errors.Join(err, cell.Remove(context.WithoutCancel(ctx)))
	}
	return cell, nil
}

// create makes the container. testcontainers would look for a missing image in registries,
// again and again: no image of ours is in one.
func (e *Engine) create(ctx context.Context, req testcontainers.ContainerRequest) (testcontainers.Container, error) {
	if _, err := e.cli.ImageInspect(ctx, req.Image); err != nil {
		return nil, fmt.Errorf("image %s is gone (run again, and it is built again): %w", req.Image, err)
	}
	ctx, cancel := creating(ctx)
	defer cancel()
	return e.provider.CreateContainer(ctx, req)
}

// published is the address on this machine that leads to the cell's port.
func published(ctx context.Context, made testcontainers.Container, port int) (string, error) {
	mapped, err := made.MappedPort(ctx, tcp(port))
	if err != nil {
		return "", fmt.Errorf("port %d is not published: %w", port, err)
	}
	return net.JoinHostPort(loopback, mapped.Port()), nil
}

func tcp(port int) nat.Port { return nat.Port(fmt.Sprintf("%d/tcp", port)) }

func (e *Engine) request(spec engine.Spec, volume string) testcontainers.ContainerRequest {
	return testcontainers.ContainerRequest{
		Name:         e.name(spec.Server, spec.App),
		Image:        spec.Image,
		Cmd:          []string{spec.Callable},
		Env:          spec.Env,
		Labels:       e.owner.labels(),
		ExposedPorts: []string{fmt.Sprintf("%s::%s", loopback, tcp(spec.Port))},
		ConfigModifier: func(c *container.Config) {
			c.StopSignal = spec.Stop
			c.User = nobody
			if spec.Command != nil {
				c.Entrypoint, c.Cmd = spec.Command[:1], spec.Command[1:]
			}
		},
		HostConfigModifier: func(h *container.HostConfig) {
			confine(h)
			h.CpusetCpus = spec.CPUs
			h.Mounts = []mount.Mount{appMount(volume, true)}
		},
	}
}

// name is what `docker ps` shows; the serial number keeps it unique when a cell runs twice.
func (e *Engine) name(parts ...string) string {
	return fmt.Sprintf("wsgi-matrix-%s-%s-%d", e.owner.run, strings.Join(parts, "-"), e.serial.Add(1))
}

// confine takes from a container everything that serving an application does not need.
func confine(h *container.HostConfig) {
	noInit, pids := false, int64(cellPids)
	h.ReadonlyRootfs = true
	h.Tmpfs = map[string]string{"/tmp": cellTmp}
	h.CapDrop = []string{"ALL"}
	h.SecurityOpt = []string{"no-new-privileges"}
	h.Init = &noInit
	h.LogConfig = container.LogConfig{Type: "json-file", Config: map[string]string{"max-size": cellLog, "max-file": "1"}}
	h.Resources = container.Resources{Memory: cellMemory, MemorySwap: cellMemory, PidsLimit: &pids}
}
