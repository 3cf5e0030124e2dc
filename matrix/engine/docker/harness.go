package docker

import (
	"context"
	"fmt"
	"io"

	"github.com/docker/docker/api/types"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/pkg/stdcopy"
)

// Harness is a command that runs in a container of an app image, without a network, with
// its standard streams in hand.
type Harness struct {
	Stdin  io.WriteCloser // closing it is the command's end of file
	Stdout io.ReadCloser

	engine *Engine
	id     string
	conn   types.HijackedResponse
	stop   func() bool
}

// Harness starts argv in a container of an app image. What it writes to standard error goes
// to stderr. The end of ctx ends it.
func (e *Engine) Harness(ctx context.Context, appImage string, argv []string, env map[string]string, stderr io.Writer) (*Harness, error) {
	id, err := e.harnessContainer(ctx, appImage, argv, env)
	if err != nil {
		return nil, fmt.Errorf("docker: harness in %s: %w", appImage, Explain(ctx, e.cli, err))
	}
	h := &Harness{engine: e, id: id}
	if err := h.attach(ctx, stderr); err != nil {
		_ = h.Close(ctx) // the first error says more
		return nil, fmt.Errorf("docker: harness in %s: %w", appImage, err)
	}
	return h, nil
}

func (e *Engine) harnessContainer(ctx context.Context, image string, argv []string, env map[string]string) (string, error) {
	ctx, cancel := creating(ctx)
	defer cancel()
	host := &container.HostConfig{NetworkMode: network.NetworkNone}
	confine(host)
	made, err := e.cli.ContainerCreate(ctx, &container.Config{
		Image:      image,
		User:       nobody,
		WorkingDir: appDir,
		Entrypoint: argv[:1],
		Cmd:        argv[1:],
		Env:        pairs(env),
		Labels:     e.owner.labels(),
		OpenStdin:  true, StdinOnce: true,
		AttachStdin: true, AttachStdout: true, AttachStderr: true,
	}, host, nil, nil, e.name("harness"))
	return made.ID, err
}

func pairs(env map[string]string) []string {
	var out []string
	for key, value := range env {
		out = append(out, key+"="+value)
	}
	return out
}

// attach comes before the start, so that no byte of the output is missed.
func (h *Harness) attach(ctx context.Context, stderr io.Writer) error {
	conn, err := h.engine.cli.ContainerAttach(ctx, h.id, container.AttachOptions{Stream: true, Stdin: true, Stdout: true, Stderr: true})
	if err != nil {
		return err
	}
	h.conn, h.stop = conn, context.AfterFunc(ctx, conn.Close)
	h.Stdin = stdin{conn}
	out, in := io.Pipe()
	h.Stdout = out
	go func() {
		_, err := stdcopy.StdCopy(in, stderr, conn.Reader)
		_ = in.CloseWithError(err) // never fails; nil reads as io.EOF
	}()
	return h.engine.cli.ContainerStart(ctx, h.id, container.StartOptions{})
}

// Close ends the command and removes its container.
func (h *Harness) Close(ctx context.Context) error {
	if h.stop != nil {
		h.stop()
		h.conn.Close()
		_ = h.Stdout.Close() // unblocks the copier, should nobody read
	}
	return removeContainer(context.WithoutCancel(ctx), h.engine.cli, h.id)
}

// stdin is the sending half of the attached connection.
type stdin struct{ conn types.HijackedResponse }

func (s stdin) Write(p []byte) (int, error) { return s.conn.Conn.Write(p) }
func (s stdin) Close() error                { return s.conn.CloseWrite() }
