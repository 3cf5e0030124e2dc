//go:build linux

package process

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
)

// Build is how our servers are built.
type Build string

// The builds.
const (
	Plain    Build = "plain"
	ASan     Build = "asan"     // C and Go under AddressSanitizer, every Python object an allocation of its own
	CgoCheck Build = "cgocheck" // Go's strictest check of the pointers that C is given
	Race     Build = "race"     // a Go program that embeds libpython, under the race detector: it cannot watch an object that python3 loads
)

// Builds are all of them.
var Builds = []Build{Plain, ASan, CgoCheck, Race}

// The exit codes with which sanitizers end a process.
const (
	raceExit = 66
	asanExit = 67
)

// environment is what a server of this build has besides. A fault ends the process at once: the
// case that brought it about is the one that fails.
func (b Build) environment() []string {
	switch b {
	case ASan:
		return []string{
			// libasan has to come first, and python3 is not linked to it. What Python itself never frees is no leak of ours.
			"LD_PRELOAD=" + libasan(), fmt.Sprintf("ASAN_OPTIONS=detect_leaks=0:exitcode=%d:detect_stack_use_after_return=0", asanExit),
			"PYTHONMALLOC=malloc",
		}
	case CgoCheck:
		return []string{"GODEBUG=cgocheck=1"}
	case Race:
		return []string{fmt.Sprintf("GORACE=halt_on_error=1 exitcode=%d atexit_sleep_ms=0", raceExit)}
	}
	return nil
}

// faults are the first words of what a sanitizer, a Go runtime or Python says about a fault.
var faults = regexp.MustCompile(`(?m)^(==\d+==ERROR: AddressSanitizer|WARNING: DATA RACE|fatal error: |panic: |SIGSEGV: |SIGABRT: |Fatal Python error)`)

// maxFault is how much of a log is shown of a fault.
const maxFault = 8 << 10

// Faults is an error when something in the server's process was wrong that its clients may not have
// seen. It is asked when the cell has been removed.
func (i *instance) Faults() error {
	text := i.log.bytes()
	if at := faults.FindIndex(text); at != nil {
		return fmt.Errorf("%s", text[at[0]:min(len(text), at[0]+maxFault)])
	}
	code := exitCode(i.cmd.ProcessState)
	if told := 128 + int(syscall.SIGTERM); code == raceExit || code == asanExit || code > 128 && code != told && !i.killed {
		return fmt.Errorf("the server ended with exit code %d", code)
	}
	return nil
}

// Forking is the model whose interpreter is forked, which a Go program that embeds one must not be:
// the race build leaves it out. Its workers turn the same loop as eventloop, which is watched.
const Forking = "prefork"

// Make builds servers, and returns their programs by name.
func (e *Engine) Make(ctx context.Context, names []string) (map[string]string, error) {
	if err := e.tools(); err != nil {
		return nil, err
	}
	made := map[string]string{}
	for _, name := range names {
		if err := e.server(ctx, name); err != nil {
			return nil, fmt.Errorf("process: build %s: %w", name, err)
		}
		made[name] = filepath.Join(e.home, "bin", name)
	}
	return made, nil
}

// tools looks for what building takes.
func (e *Engine) tools() error {
	for _, tool := range []string{"go", "gcc", "pkg-config"} {
		if _, err := exec.LookPath(tool); err != nil {
			return fmt.Errorf("process: %w; the toolchain image has everything: make bin/matrix && go run ./ci/toolchain bin/matrix run --engine process --out /tmp/out", err)
		}
	}
	if e.opts.Build == ASan && libasan() == "" {
		return errors.New("process: gcc knows no libasan.so: install libasan of its version")
	}
	return nil
}

// server builds one server: its command, and the shared object that python3 loads.
func (e *Engine) server(ctx context.Context, name string) error {
	build := func(folder, file string, flags, env []string) error {
		return goBuild(ctx, e.opts.Root, append(flags, "-o", filepath.Join(e.home, folder, file), "./servers/"+name), env)
	}
	err := build("bin", name, nil, []string{"CGO_ENABLED=0"})
	flags, env := []string{"-buildmode=c-shared", "-tags", e.opts.tags}, []string{"CGO_ENABLED=1"}
	switch e.opts.Build {
	case ASan:
		flags = append(flags, "-asan")
	case CgoCheck:
		env = append(env, "GOEXPERIMENT=cgocheck2")
	case Race:
		return errors.Join(err, build("python", name, []string{"-race", "-tags", "embed," + e.opts.tags}, env), e.forward(ctx, name))
	}
	return errors.Join(err, build("lib", name+".so", flags, env))
}

// goBuild calls the go command.
func goBuild(ctx context.Context, root string, args, env []string) error {
	cmd := exec.CommandContext(ctx, "go", append([]string{"build", "-buildvcs=false"}, args...)...)
	cmd.Dir = root
	// Debian's Go calls gcc by a longer name, and takes that for a compiler which knows no sanitizers.
	cmd.Env = append(append(os.Environ(), "CC=gcc"), env...)
	return output(cmd)
}

func output(cmd *exec.Cmd) error {
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", strings.Join(cmd.Args, " "), err, out)
	}
	return nil
}

// forwarder stands where the bootstrap loads a server from, and calls the one that the embedding
// program holds already.
const forwarder = `
#include <dlfcn.h>
#include <stdlib.h>

static void *embedded(const char *name) {
	void *found = dlsym(dlopen(NULL, RTLD_NOW), name);
	if (!found)
		abort();
	return found;
}

int wsgi_serve(void *helpers, const char *config) { return ((int (*)(void *, const char *))embedded("wsgi_serve"))(helpers, config); }

void wsgi_thread(int index) { ((void (*)(int))embedded("wsgi_thread"))(index); }
`

func (e *Engine) forward(ctx context.Context, name string) error {
	out := filepath.Join(e.home, "lib", name+".so")
	if err := os.MkdirAll(filepath.Dir(out), 0o700); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "gcc", "-shared", "-fPIC", "-x", "c", "-o", out, "-")
	cmd.Stdin = strings.NewReader(forwarder)
	return output(cmd)
}

// libasan is the path of AddressSanitizer's run-time library; empty: gcc has none. gcc is asked once,
// and not for every cell.
var libasan = sync.OnceValue(func() string {
	out, err := exec.Command("gcc", "-print-file-name=libasan.so").Output()
	path := strings.TrimSpace(string(out))
	if err != nil || !filepath.IsAbs(path) {
		return ""
	}
	return path
})

// ParseBuild finds a build by its name.
func ParseBuild(name string) (Build, error) {
	if b := Build(name); slices.Contains(Builds, b) {
		return b, nil
	}
	var names []string
	for _, b := range Builds {
		names = append(names, string(b))
	}
	return "", fmt.Errorf("--build %q: it is one of %s", name, strings.Join(names, ", "))
}
