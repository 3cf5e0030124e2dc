package docker

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/docker/docker/client"
)

// Connect finds an engine that answers. Where there is none it installs Docker, if this is
// Debian and we are root; anywhere else the error names the mend. What it does is said.
func Connect(ctx context.Context, say func(format string, args ...any)) (*client.Client, error) {
	cli, err := Find(ctx)
	if err == nil {
		return cli, nil
	}
	if os.Getenv("DOCKER_HOST") != "" {
		return nil, fmt.Errorf("docker: no engine answers at DOCKER_HOST=%s: start it, or unset DOCKER_HOST: %w", os.Getenv("DOCKER_HOST"), err)
	}
	if mend := obstacle(); mend != "" {
		return nil, fmt.Errorf("docker: no container engine answers: %s: %w", mend, err)
	}
	say("no container engine answers (%v)", err)
	if err := install(ctx, say); err != nil {
		return nil, err
	}
	return Find(ctx)
}

// Find returns the first engine that answers: the one that the environment names, else the
// first known socket. It installs nothing.
func Find(ctx context.Context) (*client.Client, error) {
	if os.Getenv("DOCKER_HOST") != "" {
		return open(ctx, "")
	}
	var errs []error
	for _, socket := range sockets() {
		cli, err := open(ctx, "unix://"+socket)
		if err == nil {
			// testcontainers looks for an engine by itself: it must find the same.
			return cli, os.Setenv("DOCKER_HOST", "unix://"+socket)
		}
		errs = append(errs, err)
	}
	if len(errs) == 0 {
		return nil, errors.New("there is no socket of Docker or Podman")
	}
	return nil, errors.Join(errs...)
}

// sockets are those of Docker, rootless Docker, Docker Desktop and Podman that exist here.
func sockets() []string {
	runtime, home := os.Getenv("XDG_RUNTIME_DIR"), os.Getenv("HOME")
	var found []string
	for _, path := range []string{
		"/var/run/docker.sock",
		filepath.Join(runtime, "docker.sock"),
		filepath.Join(home, ".docker/run/docker.sock"),
		filepath.Join(runtime, "podman/podman.sock"),
		"/run/podman/podman.sock",
	} {
		if info, err := os.Stat(path); err == nil && info.Mode()&os.ModeSocket != 0 {
			found = append(found, path)
		}
	}
	return found
}

// open connects to a host, or to what the environment names, and waits for its answer.
func open(ctx context.Context, host string) (*client.Client, error) {
	opts := []client.Opt{client.FromEnv, client.WithAPIVersionNegotiation()}
	if host != "" {
		opts = append(opts, client.WithHost(host))
	}
	cli, err := client.NewClientWithOpts(opts...)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, limits.Ping)
	defer cancel()
	if _, err := cli.Ping(ctx); err != nil {
		return nil, errors.Join(err, cli.Close())
	}
	return cli, nil
}
