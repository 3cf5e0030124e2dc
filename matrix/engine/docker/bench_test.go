package docker_test

import (
	"context"
	"testing"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/go-connections/nat"

	"wsgimatrix/matrix/engine/docker"
)

// BenchmarkCell is what Start and Remove cost; BenchmarkBare is the floor under it, the same
// container with nothing but the engine's own calls.
//
//	go test -run '^$' -bench . -benchtime 20x ./matrix/engine/docker
func BenchmarkCell(b *testing.B) {
	e := benchEngine(b)
	for b.Loop() {
		cell, err := e.Start(b.Context(), spec())
		if err != nil {
			b.Fatal(err)
		}
		if err := cell.Remove(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}

func benchEngine(b *testing.B) *docker.Engine {
	b.Helper()
	e, err := docker.New(b.Context(), docker.Options{Client: cli, Root: root, RunID: "bench", LockPath: b.TempDir() + "/.lock"})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := e.Close(context.Background()); err != nil {
			b.Error(err)
		}
	})
	first, err := e.Start(b.Context(), spec()) // fills the volume
	if err != nil {
		b.Fatal(err)
	}
	if err := first.Remove(b.Context()); err != nil {
		b.Fatal(err)
	}
	return e
}

func BenchmarkBare(b *testing.B) {
	host := &container.HostConfig{
		ReadonlyRootfs: true,
		Tmpfs:          map[string]string{"/tmp": ""},
		PortBindings:   nat.PortMap{"8000/tcp": {{HostIP: "127.0.0.1"}}},
	}
	for b.Loop() {
		made, err := cli.ContainerCreate(b.Context(), &container.Config{
			Image: images.server, ExposedPorts: nat.PortSet{"8000/tcp": {}},
		}, host, nil, nil, "")
		if err != nil {
			b.Fatal(err)
		}
		if err := cli.ContainerStart(b.Context(), made.ID, container.StartOptions{}); err != nil {
			b.Fatal(err)
		}
		if err := cli.ContainerRemove(b.Context(), made.ID, container.RemoveOptions{Force: true}); err != nil {
			b.Fatal(err)
		}
	}
}
