package image

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"sort"
	"strings"
	"time"

	"github.com/containerd/errdefs"
	types "github.com/docker/docker/api/types/build"
	"github.com/docker/docker/pkg/jsonmessage"
)

const (
	tailLines    = 40  // of a failed build
	progressLine = 100 // longest line of progress
)

// exists tells whether there is an image of that name.
func (m *Images) exists(ctx context.Context, name string) (bool, error) {
	_, err := m.cli.ImageInspect(ctx, name)
	if errdefs.IsNotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("image: look for %s: %w", name, err)
	}
	return true, nil
}

// touch marks the images of targets as used now: Prune, of another checkout too, keeps what is
// young. One that is not there is about to be built.
func (b *builder) touch(ctx context.Context, targets []Target) {
	for _, t := range targets {
		name := b.tags.name(t)
		_ = b.cli.ImageTag(ctx, name, name) // sets the time of the tag anew
	}
}

// run has the engine build a target.
func (b *builder) run(ctx context.Context, t Target) error {
	if err := t.check(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, limits.Build)
	defer cancel()
	archive, err := b.context()
	if err != nil {
		return fmt.Errorf("image: pack the build context: %w", err)
	}
	answer, err := b.cli.ImageBuild(ctx, bytes.NewReader(archive), b.request(t))
	if err != nil {
		return fmt.Errorf("image: build %s: %w", t, err)
	}
	defer func() { _ = answer.Body.Close() }() // read to its end, or of no more use
	tail := &tail{}
	if err := b.follow(answer.Body, t, tail); err != nil {
		return b.explain(t, err, tail)
	}
	return nil
}

func (b *builder) context() ([]byte, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var err error
	if b.archive == nil {
		b.archive, err = pack(b.tags.files)
	}
	return b.archive, err
}

func (b *builder) request(t Target) types.ImageBuildOptions {
	return types.ImageBuildOptions{
		Tags:        []string{b.tags.name(t)},
		Target:      t.stage(),
		BuildArgs:   b.arguments(t),
		Remove:      true,
		ForceRemove: true, // leave no container behind, failed or not
	}
}

// arguments are the build arguments of a target. One that has its default value is left
// out, so that a build by hand finds the same layers in the cache.
func (b *builder) arguments(t Target) map[string]*string {
	args := map[string]*string{}
	set := func(key, value string) {
		if value != "" {
			args[key] = &value
		}
	}
	set("REFRESH", b.tags.stamp)
	switch t.Kind {
	case App:
		set("APP", t.Name)
	case Server:
		set("SERVER", t.Name)
	}
	for _, key := range []string{"http_proxy", "https_proxy", "no_proxy"} {
		set(key, os.Getenv(key)) // how the machine reaches its mirror
	}
	return args
}

var (
	step    = regexp.MustCompile(`^Step (\d+/\d+) : (\w+) (.*)`)
	running = regexp.MustCompile(`^ ---> Running in `)
)

// follow reads the builder's messages. A command that really runs becomes progress, a step
// from the cache does not; everything is kept for a failure.
func (b *builder) follow(stream io.Reader, t Target, tail *tail) error {
	messages := json.NewDecoder(stream)
	var command string // of the step that is under way
	for {
		var message jsonmessage.JSONMessage
		err := messages.Decode(&message)
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case message.Error != nil:
			return message.Error
		}
		tail.add(message.Stream)
		if found := step.FindStringSubmatch(message.Stream); found != nil {
			command = fmt.Sprintf("build %s: step %s %s %s", t, found[1], found[2], found[3])
		} else if running.MatchString(message.Stream) && strings.Contains(command, " RUN ") {
			b.opts.Say("%s", shorten(command))
		}
	}
}

func shorten(line string) string {
	runes := []rune(strings.Join(strings.Fields(line), " "))
	if len(runes) > progressLine {
		return string(runes[:progressLine-1]) + "…"
	}
	return string(runes)
}

// explain adds to a failure what led to it, and how to see it again.
func (b *builder) explain(t Target, err error, tail *tail) error {
	return &Failure{t, fmt.Errorf("image: build %s: %w\n--- the last %d lines\n%s\n--- to repeat it\n%s",
		t, err, len(tail.lines), strings.Join(tail.lines, "\n"), b.command(t))}
}

// Failure is why a target has no image.
type Failure struct {
	Target Target
	Err    error
}

func (f *Failure) Error() string { return f.Err.Error() }

func (f *Failure) Unwrap() error { return f.Err }

// Failures are the targets that could not be built, in what Build returned.
func Failures(err error) (all []*Failure) {
	switch e := err.(type) { //nolint:errorlint // each of the joined is looked at
	case *Failure:
		return []*Failure{e}
	case interface{ Unwrap() []error }:
		for _, one := range e.Unwrap() {
			all = append(all, Failures(one)...)
		}
	case interface{ Unwrap() error }:
		return Failures(e.Unwrap())
	}
	return all
}

// command is how the same build is made by hand.
func (b *builder) command(t Target) string {
	words := []string{"DOCKER_BUILDKIT=0 docker build --target", t.stage()}
	var args []string
	for key, value := range b.arguments(t) {
		args = append(args, fmt.Sprintf("--build-arg %s=%s", key, *value))
	}
	sort.Strings(args)
	return strings.Join(append(append(words, args...), b.root), " ")
}

// colour is what a terminal takes for a change of colour.
var colour = regexp.MustCompile(`\x1b\[[0-9;]*m`)

// tail is the end of a build's output.
type tail struct{ lines []string }

func (t *tail) add(text string) {
	for line := range strings.SplitSeq(strings.TrimRight(colour.ReplaceAllString(text, ""), "\r\n"), "\n") {
		if strings.TrimSpace(line) != "" {
			t.lines = append(t.lines, line)
		}
	}
	t.lines = t.lines[max(0, len(t.lines)-tailLines):]
}

// labelStamp says against which state of the mirror an image was built.
const labelStamp = "wsgi-matrix.refresh"

// current names the base image of the last --refresh, if there was one. Its stamp keeps an
// image that is built next week on the same packages, and in the cache.
const current = repositories + "base:current"

// stamp is the value of REFRESH: new if asked for, else that of the current base image.
func (m *Images) stamp(ctx context.Context, refresh bool) (string, error) {
	if refresh {
		return time.Now().UTC().Format("20060102T150405Z"), nil
	}
	seen, err := m.cli.ImageInspect(ctx, current)
	switch {
	case errdefs.IsNotFound(err):
		return "", nil
	case err != nil:
		return "", fmt.Errorf("image: look for %s: %w", current, err)
	}
	return seen.Config.Labels[labelStamp], nil
}

func (b *builder) markCurrent(ctx context.Context) error {
	if err := b.cli.ImageTag(ctx, b.tags.name(Target{Kind: Base}), current); err != nil {
		return fmt.Errorf("image: tag %s: %w", current, err)
	}
	return nil
}
