package docker

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/pkg/stdcopy"

	"wsgimatrix/matrix/engine"
)

// Beside runs a command in a container of its own that shares a cell's network, where the
// server is on 127.0.0.1, and returns what it printed. cpus are the cores it may use.
func (e *Engine) Beside(ctx context.Context, cell engine.Instance, image string, argv []string, cpus string) (out []byte, err error) {
	i, ok := cell.(*instance)
	if !ok {
		return nil, fmt.Errorf("docker: %T is no cell of this engine", cell)
	}
	host := &container.HostConfig{NetworkMode: container.NetworkMode("container:" + i.id)}
	confine(host)
	host.CpusetCpus = cpus
	made, err := e.cli.ContainerCreate(ctx, &container.Config{
		Image: image, User: nobody, Entrypoint: argv[:1], Cmd: argv[1:], Labels: e.owner.labels(),
	}, host, nil, nil, e.name("beside"))
	if err != nil {
		return nil, fmt.Errorf("docker: %s beside a cell: %w", argv[0], Explain(ctx, e.cli, err))
	}
	defer func() { err = errors.Join(err, removeContainer(context.WithoutCancel(ctx), e.cli, made.ID)) }()
	return e.finish(ctx, made.ID, argv[0])
}

// finish starts a container and waits for its end.
func (e *Engine) finish(ctx context.Context, id, name string) ([]byte, error) {
	ended, failed := e.cli.ContainerWait(ctx, id, container.WaitConditionNextExit)
	if err := e.cli.ContainerStart(ctx, id, container.StartOptions{}); err != nil {
		return nil, fmt.Errorf("docker: start %s: %w", name, err)
	}
	var code int64
	select {
	case err := <-failed:
		return nil, fmt.Errorf("docker: wait for %s: %w", name, err)
	case end := <-ended:
		code = end.StatusCode
	}
	stream, err := e.cli.ContainerLogs(ctx, id, container.LogsOptions{ShowStdout: true, ShowStderr: true})
	if err != nil {
		return nil, fmt.Errorf("docker: output of %s: %w", name, err)
	}
	defer func() { _ = stream.Close() }() // read to its end, or of no more use
	var out bytes.Buffer
	_, err = stdcopy.StdCopy(&out, &out, stream)
	if code != 0 {
		err = errors.Join(err, fmt.Errorf("docker: %s ended with %d: %s", name, code, bytes.TrimSpace(out.Bytes())))
	}
	return out.Bytes(), err
}
