package docker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// daemonLog takes what a daemon says that we had to start ourselves.
const daemonLog = "/var/log/wsgi-matrix-dockerd.log"

// obstacle says what to do by hand where install cannot work; empty: it can.
func obstacle() string {
	release, _ := os.ReadFile("/etc/os-release") // missing: not Debian
	switch {
	case !isDebian(string(release)):
		return "install and start Docker or Podman, or let DOCKER_HOST name an engine"
	case os.Geteuid() != 0 && len(sockets()) > 0:
		return "there is one that this user may not ask: run this as root, or `sudo usermod -aG docker $USER`, then log in again"
	case os.Geteuid() != 0:
		return "run this as root once, or `sudo apt-get install docker.io` and `sudo usermod -aG docker $USER`, then log in again"
	}
	return ""
}

// isDebian takes Debian and what is made from it and has the same packages.
func isDebian(release string) bool {
	for line := range strings.Lines(release) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		if (key == "ID" || key == "ID_LIKE") && strings.Contains(value, "debian") {
			return true
		}
	}
	return false
}

// install brings Docker from Debian, where it is not there yet, and starts it.
func install(ctx context.Context, say func(string, ...any)) error {
	if _, err := exec.LookPath("dockerd"); err != nil {
		say("installing Docker: apt-get install docker.io")
		if err := aptInstall(ctx, "docker.io"); err != nil {
			return err
		}
	}
	say("starting Docker")
	if err := startDaemon(ctx); err != nil {
		return fmt.Errorf("docker: Docker is installed and does not start; `dockerd` in a terminal shows why: %w", err)
	}
	return nil
}

func aptInstall(ctx context.Context, packages ...string) error {
	ctx, cancel := context.WithTimeout(ctx, limits.Install)
	defer cancel()
	// ca-certificates and iptables come with docker.io's recommends on some systems only.
	args := append([]string{"install", "-y", "--no-install-recommends", "iptables", "ca-certificates"}, packages...)
	return errors.Join(
		run(ctx, "apt-get", "update", "-q"),
		run(ctx, "apt-get", args...),
	)
}

// run runs a command; its output is shown only where it fails.
func run(ctx context.Context, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("docker: %s: %w\n%s", strings.Join(cmd.Args, " "), err, lastLines(out, 20))
	}
	return nil
}

func lastLines(out []byte, n int) []byte {
	lines := bytes.Split(bytes.TrimSpace(out), []byte("\n"))
	return bytes.Join(lines[max(0, len(lines)-n):], []byte("\n"))
}

// startDaemon starts the service where an init runs, and dockerd itself where none does (a
// container, a sandbox). There the kernel may refuse overlay mounts or the packet filter:
// each way is tried in turn, the plainest first.
func startDaemon(ctx context.Context) error {
	var errs []error
	for _, start := range ways() {
		err := start(ctx)
		if err == nil {
			return nil
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func ways() []func(context.Context) error {
	if _, err := os.Stat("/run/systemd/system"); err == nil {
		return []func(context.Context) error{service}
	}
	return []func(context.Context) error{service, direct(), direct("--storage-driver", "fuse-overlayfs"), direct("--storage-driver", "vfs")}
}

func service(ctx context.Context) error {
	if err := run(ctx, "service", "docker", "start"); err != nil {
		return err
	}
	return awaitDaemon(ctx, nil)
}

// direct starts dockerd in a session of its own: it outlives this run, as a service does.
func direct(args ...string) func(context.Context) error {
	return func(ctx context.Context) error {
		out, err := os.OpenFile(filepath.Clean(daemonLog), os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o644)
		if err != nil {
			return err
		}
		defer func() { _ = out.Close() }() // the daemon has its own
		cmd := exec.Command("dockerd", args...)
		cmd.Stdout, cmd.Stderr, cmd.SysProcAttr = out, out, ownSession()
		if err := cmd.Start(); err != nil {
			return err
		}
		ended := make(chan error, 1)
		go func() { ended <- cmd.Wait() }()
		if err := awaitDaemon(ctx, ended); err != nil {
			return fmt.Errorf("dockerd %s (its log is %s): %w", strings.Join(args, " "), daemonLog, err)
		}
		return nil
	}
}

// awaitDaemon waits until an engine answers, or ended tells that there will be none.
func awaitDaemon(ctx context.Context, ended <-chan error) error {
	ctx, cancel := context.WithTimeout(ctx, limits.Daemon)
	defer cancel()
	tick := time.NewTicker(200 * time.Millisecond) // a daemon tells nobody when it is ready
	defer tick.Stop()
	for {
		_, err := Find(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case end := <-ended:
			return errors.Join(errors.New("it ended instead of answering"), end)
		case <-ctx.Done():
			return fmt.Errorf("no answer within %v: %w", limits.Daemon, err)
		}
	}
}
