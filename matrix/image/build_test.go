package image

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/client"

	"wsgimatrix/matrix/engine/docker"
)

var cli *client.Client

// TestMain needs an engine: builds are tested by building.
func TestMain(m *testing.M) {
	var err error
	cli, err = docker.Connect(context.Background(), func(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) })
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// progress keeps what is said.
type progress struct {
	mu    sync.Mutex
	lines []string
}

func (p *progress) say(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lines = append(p.lines, fmt.Sprintf(format, args...))
}

func (p *progress) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Join(p.lines, "\n")
}

func images(t *testing.T, root string) *Images {
	t.Helper()
	m, err := New(cli, root)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// copied is this checkout's build context in another place, where a test may change it.
func copied(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	for _, f := range read(t) {
		write(t, root, f.path, string(f.data), os.FileMode(f.mode))
	}
	ignored, err := os.ReadFile(checkout + "/.dockerignore")
	if err != nil {
		t.Fatal(err)
	}
	write(t, root, ".dockerignore", string(ignored), 0o644)
	return root
}

// dropAfter removes images that only a test wanted.
func dropAfter(t *testing.T, m *Images, targets ...Target) {
	t.Cleanup(func() {
		names, err := m.namesOf(context.Background(), targets)
		if err != nil {
			t.Error(err)
		}
		found, err := m.list(context.Background())
		if err != nil {
			t.Error(err)
		}
		for _, img := range found {
			if names[img.name()] && strings.Contains(img.repository, "test-") {
				if _, err := m.removeAll(context.Background(), []tagged{img}); err != nil {
					t.Error(err)
				}
			}
		}
	})
}

func TestSecondBuildBuildsNothing(t *testing.T) {
	m, targets := images(t, checkout), []Target{{Kind: App, Name: "bare"}, {Kind: Server, Name: "wsgiref"}}
	first, err := m.Build(t.Context(), targets, Options{})
	if err != nil {
		t.Fatal(err)
	}
	var said progress
	second, err := m.Build(t.Context(), targets, Options{Say: said.say})
	if err != nil {
		t.Fatal(err)
	}
	if strings.TrimSpace(said.String()) != "nothing to build: every image is there" {
		t.Errorf("the second build did something:\n%s", said.String())
	}
	for _, target := range targets {
		if first[target] == "" || first[target] != second[target] {
			t.Errorf("%s: %q, then %q", target, first[target], second[target])
		}
	}
}

func TestFailedBuildTellsWhyAndHowToRepeatIt(t *testing.T) {
	root := copied(t)
	write(t, root, "servers/test-broken/server.yaml", "command: [true]\npackages: [no-such-package-anywhere]\n", 0o644)
	m, broken, well := images(t, root), Target{Kind: Server, Name: "test-broken"}, Target{Kind: App, Name: "bare"}
	built, err := m.Build(t.Context(), []Target{broken, well}, Options{})
	if err == nil {
		t.Fatal("an image with a package that does not exist was built")
	}
	for _, want := range []string{
		"build server-test-broken", "Unable to locate package no-such-package-anywhere", "the last 40 lines",
		"DOCKER_BUILDKIT=0 docker build --target server --build-arg SERVER=test-broken", root,
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error does not say %q:\n%v", want, err)
		}
	}
	if built[well] == "" || built[broken] != "" {
		t.Errorf("built %v, want the other one alone", built)
	}
}

// TestServeRunsTheCommandToTheLetter bakes a command that a careless script would mangle.
func TestServeRunsTheCommandToTheLetter(t *testing.T) {
	root := copied(t)
	write(t, root, "servers/test-argv/server.yaml", `
command: [python3, -c, "import os, sys; print(sys.argv[1:], os.environ['GREETING'], os.environ['GIVEN'])", "--app={app}", "it's a \"$HOME\" `+"`id`"+` \\n", "", "{app}"]
env: {GREETING: "it's } \"$HOME\" `+"`id`"+` \\n", GIVEN: default}
`, 0o644)
	m, target := images(t, root), Target{Kind: Server, Name: "test-argv"}
	dropAfter(t, m, target)
	built, err := m.Build(t.Context(), []Target{target}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	code, err := docker.Run(t.Context(), cli, docker.Command{
		Image: built[target], Argv: []string{"/usr/local/bin/serve", "module:an app"}, Dir: "/", User: "65534",
		Env: map[string]string{"GIVEN": "by the container"}, Stdout: &out, Stderr: &out,
	})
	want := `['--app=module:an app', 'it\'s a "$HOME" ` + "`id`" + ` \\n', '', 'module:an app'] it's } "$HOME" ` + "`id`" + ` \n by the container` + "\n"
	if err != nil || code != 0 || out.String() != want {
		t.Errorf("exit code %d, %v\ngot  %swant %s", code, err, out.String(), want)
	}
}

func TestInterruptedBuildLeavesNoContainer(t *testing.T) {
	root, mark := t.TempDir(), fmt.Sprintf("test-%d", time.Now().UnixNano())
	write(t, root, ".dockerignore", "*\n!Dockerfile\n", 0o644)
	write(t, root, "Dockerfile", "FROM debian:trixie-slim AS base\nLABEL wsgi-matrix=1 wsgi-matrix.mark="+mark+"\nRUN sleep 600\n", 0o644)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	_, err := images(t, root).Build(ctx, []Target{{Kind: Base}}, Options{Say: func(format string, args ...any) {
		if strings.Contains(fmt.Sprintf(format, args...), "sleep 600") {
			cancel()
		}
	}})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want the end of the context", err)
	}
	marked := container.ListOptions{All: true, Filters: filters.NewArgs(filters.Arg("label", "wsgi-matrix.mark="+mark))}
	for deadline := time.Now().Add(15 * time.Second); ; { // the engine clears up when it notices
		left, err := cli.ContainerList(t.Context(), marked)
		if err != nil {
			t.Fatal(err)
		}
		if len(left) == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d containers are left", len(left))
		}
	}
}

func TestBuildThatSomebodyElseDoesIsAwaited(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	release, err := buildLock(t.Context(), t.Logf)
	if err != nil {
		t.Fatal(err)
	}
	var said progress
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if _, err := buildLock(ctx, said.say); !errors.Is(err, context.DeadlineExceeded) || said.String() == "" {
		t.Errorf("got %v and said %q, want to wait and say so", err, said.String())
	}
	release()
	second, err := buildLock(t.Context(), said.say)
	if err != nil {
		t.Fatal(err)
	}
	second()
}
