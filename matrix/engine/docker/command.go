package docker

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/client"
	"github.com/docker/docker/pkg/stdcopy"
)

// Command is a command in a container of its own that belongs to no run: a build step or a
// test of a server.
type Command struct {
	Image          string
	Argv           []string
	Dir            string
	Binds          []string // "/host/path:/path[:ro]"
	Env            map[string]string
	User           string
	Stdout, Stderr io.Writer
}

// Run runs a command without a network, and returns its exit code. The end of ctx ends it; its
// container is gone when Run returns.
func Run(ctx context.Context, cli *client.Client, c Command) (code int, err error) {
	made, err := c.create(ctx, cli)
	if err != nil {
		return 0, fmt.Errorf("docker: run %s: %w", c.Argv[0], Explain(ctx, cli, err))
	}
	defer func() {
		err = errors.Join(err, removeContainer(context.WithoutCancel(ctx), cli, made))
	}()
	code, err = c.attached(ctx, cli, made)
	if err != nil {
		err = fmt.Errorf("docker: run %s: %w", c.Argv[0], err)
	}
	return code, err
}

func (c Command) create(ctx context.Context, cli *client.Client) (string, error) {
	ctx, cancel := creating(ctx)
	defer cancel()
	made, err := cli.ContainerCreate(ctx, &container.Config{
		Image: c.Image, Entrypoint: c.Argv[:1], Cmd: c.Argv[1:], WorkingDir: c.Dir, User: c.User, Env: pairs(c.Env),
		AttachStdout: true, AttachStderr: true,
		Labels: map[string]string{Label: "1"},
	}, &container.HostConfig{
		Binds: c.Binds, NetworkMode: network.NetworkNone, SecurityOpt: []string{"no-new-privileges"},
	}, nil, nil, "")
	return made.ID, err
}

// attached starts the container and copies its output until it ends.
func (c Command) attached(ctx context.Context, cli *client.Client, id string) (int, error) {
	conn, err := cli.ContainerAttach(ctx, id, container.AttachOptions{Stream: true, Stdout: true, Stderr: true})
	if err != nil {
		return 0, err
	}
	stop := context.AfterFunc(ctx, conn.Close)
	defer stop()
	defer conn.Close()
	done, failed := cli.ContainerWait(ctx, id, container.WaitConditionNextExit)
	if err := cli.ContainerStart(ctx, id, container.StartOptions{}); err != nil {
		return 0, err
	}
	_, copied := stdcopy.StdCopy(c.Stdout, c.Stderr, conn.Reader)
	select {
	case end := <-done:
		return int(end.StatusCode), copied
	case err := <-failed:
		return 0, errors.Join(context.Cause(ctx), err)
	}
}
