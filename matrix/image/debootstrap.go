package image

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/pkg/jsonmessage"
)

const (
	suite         = "trixie"
	defaultMirror = "http://deb.debian.org/debian"
)

// bootstrap makes the base image from the mirror that this machine's own apt uses, and
// returns that mirror.
func (m *Images) bootstrap(ctx context.Context) (mirror string, err error) {
	ctx, cancel := context.WithTimeout(ctx, limits.Bootstrap)
	defer cancel()
	if err := needDebootstrap(ctx); err != nil {
		return "", err
	}
	root, err := os.MkdirTemp("", "wsgi-matrix-base-")
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(root)) }()
	mirror = hostMirror(ctx)
	if err := command(ctx, "debootstrap", "--variant=minbase", "--merged-usr", suite, root, mirror); err != nil {
		return "", err
	}
	return mirror, m.load(ctx, root)
}

// needDebootstrap installs debootstrap where it can be.
func needDebootstrap(ctx context.Context) error {
	if os.Geteuid() != 0 {
		return fmt.Errorf("debootstrap needs root: run this as root once, or let the engine have %s: `docker pull %[1]s`, or `docker load` of an archive made elsewhere", debianImage)
	}
	if _, err := exec.LookPath("debootstrap"); err == nil {
		return nil
	}
	if _, err := exec.LookPath("apt-get"); err != nil {
		return fmt.Errorf("install debootstrap (this is not Debian), or let the engine have %s: `docker pull %[1]s`", debianImage)
	}
	return errors.Join(
		command(ctx, "apt-get", "update", "-q"),
		command(ctx, "apt-get", "install", "-y", "-q", "--no-install-recommends", "debootstrap"),
	)
}

// hostMirror is where this machine's apt has Debian itself from; Debian's own name for its
// mirrors where apt does not say.
func hostMirror(ctx context.Context) string {
	out, err := exec.CommandContext(ctx, "apt-get", "indextargets",
		"--format", "$(ORIGIN)|$(LABEL)|$(REPO_URI)", "Created-By: Packages").Output()
	if err != nil {
		return defaultMirror
	}
	return mirrorIn(string(out))
}

// mirrorIn finds the mirror in lines of ORIGIN|LABEL|URI. A label tells Debian from its
// security updates, which are another archive.
func mirrorIn(targets string) string {
	for line := range strings.Lines(targets) {
		fields := strings.Split(strings.TrimSpace(line), "|")
		if len(fields) == 3 && fields[0] == "Debian" && fields[1] == "Debian" && strings.HasPrefix(fields[2], "http") {
			return strings.TrimSuffix(fields[2], "/")
		}
	}
	return defaultMirror
}

// load imports a file system under the name that the registries give it.
func (m *Images) load(ctx context.Context, root string) error {
	packed := exec.CommandContext(ctx, "tar", "-C", root, "--numeric-owner", "--one-file-system",
		"--exclude=./var/cache/apt/archives/*.deb", "--exclude=./var/lib/apt/lists/*_*", "--exclude=./dev/*", "-c", ".")
	stream, err := packed.StdoutPipe()
	if err != nil {
		return err
	}
	if err := packed.Start(); err != nil {
		return err
	}
	return errors.Join(m.importImage(ctx, stream), packed.Wait())
}

func (m *Images) importImage(ctx context.Context, stream io.Reader) error {
	answer, err := m.cli.ImageImport(ctx, image.ImportSource{Source: stream, SourceName: "-"}, debianImage,
		image.ImportOptions{Changes: []string{`CMD ["bash"]`}, Message: "debootstrap"})
	if err != nil {
		return err
	}
	defer func() { _ = answer.Close() }() // read to its end, or of no more use
	return jsonmessage.DisplayJSONMessagesStream(answer, io.Discard, 0, false, nil)
}

// command runs a command; the end of its output is shown where it fails.
func command(ctx context.Context, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
	out, err := cmd.CombinedOutput()
	if err != nil {
		tail := &tail{}
		tail.add(string(bytes.TrimSpace(out)))
		return fmt.Errorf("%s: %w\n%s", filepath.Base(name), err, strings.Join(tail.lines, "\n"))
	}
	return nil
}
