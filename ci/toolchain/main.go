// Command toolchain runs a command in the image that our servers are built in, with the
// checkout at /src: the compiler, the Go and the Python of every run, and none on the machine.
//
//	go run ./ci/toolchain go test -race ./servers/...
//
// It owns the cache of Go's builds in bin/cache, and never changes the checkout: it is
// mounted read-only.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"wsgimatrix/matrix/engine/docker"
	"wsgimatrix/matrix/image"
)

// exitBroken is what there is when the command could not be run at all.
const exitBroken = 3

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	code, err := run(ctx, os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "toolchain:", err)
		code = exitBroken
	}
	os.Exit(code) // stop has nothing to do in a process that ends
}

func run(ctx context.Context, argv []string) (int, error) {
	if len(argv) == 0 {
		return 0, errors.New("usage: go run ./ci/toolchain COMMAND [ARGUMENT…], in the root of the checkout")
	}
	root, cache, err := folders()
	if err != nil {
		return 0, err
	}
	say := func(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }
	cli, err := docker.Connect(ctx, say)
	if err != nil {
		return 0, err
	}
	images, err := image.New(cli, root)
	if err != nil {
		return 0, err
	}
	toolchain := image.Target{Kind: image.Toolchain}
	built, err := images.Build(ctx, []image.Target{toolchain}, image.Options{Say: say})
	if err != nil {
		return 0, err
	}
	return docker.Run(ctx, cli, docker.Command{
		Image:  built[toolchain],
		Argv:   argv,
		Dir:    "/src",
		Binds:  []string{root + ":/src:ro", cache + ":/cache"},
		Env:    map[string]string{"GOCACHE": "/cache", "HOME": "/tmp", "XDG_CACHE_HOME": "/cache/home", "GOFLAGS": "-trimpath -buildvcs=false"},
		User:   fmt.Sprintf("%d:%d", os.Getuid(), os.Getgid()), // who owns the cache
		Stdout: os.Stdout,
		Stderr: os.Stderr,
	})
}

// folders are the checkout and the cache of Go's builds.
func folders() (root, cache string, err error) {
	root, err = os.Getwd()
	if err != nil {
		return "", "", err
	}
	if _, err := os.Stat(filepath.Join(root, "matrix.yaml")); err != nil {
		return "", "", fmt.Errorf("%s is not the root of the checkout: %w", root, err)
	}
	cache = filepath.Join(root, "bin", "cache")
	return root, cache, os.MkdirAll(cache, 0o755)
}
