//go:build toolchain

// Package servers_test runs the four servers, as commands, with a Python application, and looks
// at them from outside: from a client's socket, from the application, and from the kernel.
//
// It needs what builds the servers (Go, a C compiler, pkgconf, python3-dev), so it stands under
// a build tag: go test -tags toolchain ./servers/...
package servers_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// home holds bin/ and lib/, as an installation does.
var home string

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	// What was built elsewhere, with sanitizers say, is tested by the same tests.
	if home = os.Getenv("WSGI_HOME"); home == "" {
		dir, err := os.MkdirTemp("", "servers-")
		defer os.RemoveAll(dir) //nolint:errcheck // a temporary folder
		home = dir
		if err := errors.Join(err, build()); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	return m.Run()
}

// build builds each model twice: as the command, and as the shared object that python3 loads.
func build() error {
	for _, m := range models {
		err := errors.Join(
			goBuild("CGO_ENABLED=0", "-o", filepath.Join(home, "bin", m.name), "./"+m.name),
			goBuild("CGO_ENABLED=1", "-buildmode=c-shared", "-o", filepath.Join(home, "lib", m.name+".so"), "./"+m.name))
		if err != nil {
			return err
		}
	}
	return nil
}

func goBuild(cgo string, args ...string) error {
	cmd := exec.Command("go", append([]string{"build", "-buildvcs=false"}, args...)...)
	cmd.Env = append(os.Environ(), cgo)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%v: %w\n%s", cmd.Args, err, out)
	}
	return nil
}
