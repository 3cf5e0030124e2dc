package docker

import (
	"context"
	"fmt"
	"strings"

	"github.com/docker/docker/client"
)

// Explain adds to an engine's error what it means to whoever reads it: a full disk is
// named, with what to do about it.
func Explain(ctx context.Context, cli *client.Client, err error) error {
	if err == nil || !strings.Contains(err.Error(), "no space left on device") {
		return err
	}
	return fmt.Errorf("%w\nThe disk is full: %s.\n"+
		"`make clean` removes what this checkout has built; `docker system df` shows what else the engine holds",
		err, fullDisk(ctx, cli))
}

// fullDisk names the engine's folder and what is left on its disk.
func fullDisk(ctx context.Context, cli *client.Client) string {
	info, err := cli.Info(context.WithoutCancel(ctx))
	if err != nil || info.DockerRootDir == "" {
		return "the one that the engine keeps its images on"
	}
	free := freeMiB(info.DockerRootDir)
	if free < 0 {
		return info.DockerRootDir // the engine may be on another machine
	}
	return fmt.Sprintf("%s has %d MiB left", info.DockerRootDir, free)
}
