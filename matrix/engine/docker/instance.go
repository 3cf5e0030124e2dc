package docker

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/client"
	"github.com/docker/docker/pkg/stdcopy"

	"wsgimatrix/matrix/engine"
)

// instance is one started cell.
type instance struct {
	cli      *client.Client
	id, addr string

	mu      sync.Mutex // two calls of Remove take turns
	removed bool
}

// Addr is host:port on the loopback.
func (i *instance) Addr() string { return i.addr }

// State asks the engine whether the cell still runs.
func (i *instance) State(ctx context.Context) (engine.State, error) {
	seen, err := i.cli.ContainerInspect(ctx, i.id)
	if err != nil {
		return engine.State{}, fmt.Errorf("docker: inspect %.12s: %w", i.id, err)
	}
	return engine.State{
		Running:  seen.State.Running,
		ExitCode: seen.State.ExitCode,
		OOM:      seen.State.OOMKilled,
	}, nil
}

// Log is what the server has printed so far.
func (i *instance) Log(ctx context.Context) ([]byte, error) {
	stream, err := i.cli.ContainerLogs(ctx, i.id, container.LogsOptions{ShowStdout: true, ShowStderr: true})
	if err != nil {
		return nil, fmt.Errorf("docker: log of %.12s: %w", i.id, err)
	}
	defer func() { _ = stream.Close() }() // read to its end, or of no more use
	var out bytes.Buffer
	if _, err := stdcopy.StdCopy(&out, &out, stream); err != nil {
		return out.Bytes(), fmt.Errorf("docker: log of %.12s: %w", i.id, err)
	}
	return out.Bytes(), nil
}

// Exec runs a command inside and returns what it printed.
//
// testcontainers has an Exec too, but asks every 100 ms whether the command has ended;
// the end of its output says the same at once.
func (i *instance) Exec(ctx context.Context, argv []string) ([]byte, error) {
	out, code, err := i.exec(ctx, argv)
	if err != nil {
		return out, fmt.Errorf("docker: run %s in %.12s: %w", strings.Join(argv, " "), i.id, err)
	}
	if code != 0 {
		return out, fmt.Errorf("docker: %s in %.12s: exit code %d: %s", strings.Join(argv, " "), i.id, code, bytes.TrimSpace(out))
	}
	return out, nil
}

func (i *instance) exec(ctx context.Context, argv []string) ([]byte, int, error) {
	made, err := i.cli.ContainerExecCreate(ctx, i.id, container.ExecOptions{Cmd: argv, AttachStdout: true, AttachStderr: true})
	if err != nil {
		return nil, 0, err
	}
	conn, err := i.cli.ContainerExecAttach(ctx, made.ID, container.ExecAttachOptions{})
	if err != nil {
		return nil, 0, err
	}
	defer conn.Close()
	out, err := collect(ctx, conn.Reader, conn.Close)
	if err != nil {
		return out, 0, err
	}
	end, err := i.cli.ContainerExecInspect(ctx, made.ID)
	return out, end.ExitCode, err
}

// collect reads a multiplexed stream to its end. A hijacked connection knows nothing of
// ctx, so its end closes the connection.
func collect(ctx context.Context, stream io.Reader, closeStream func()) ([]byte, error) {
	stop := context.AfterFunc(ctx, closeStream)
	defer stop()
	var out bytes.Buffer
	_, err := stdcopy.StdCopy(&out, &out, stream)
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	return out.Bytes(), err
}

// Signal sends a signal to the container's first process.
func (i *instance) Signal(ctx context.Context, name string) error {
	if err := i.cli.ContainerKill(ctx, i.id, name); err != nil {
		return fmt.Errorf("docker: %s to %.12s: %w", name, i.id, err)
	}
	return nil
}

// Remove ends and removes the cell. It kills: what a server does when it is told to stop
// is a matter for a case, not for the clean-up.
func (i *instance) Remove(ctx context.Context) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.removed {
		return nil
	}
	err := removeContainer(ctx, i.cli, i.id)
	i.removed = err == nil
	return err
}
