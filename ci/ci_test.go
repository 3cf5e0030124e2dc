// Package ci_test holds the repository to its own rules: who may import whom, what the READMEs
// promise, and the pair that docker-compose.yml runs by hand. It tests no package's work.
package ci_test

import (
	"context"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// root is the checkout, from here.
const root = ".."

// command runs a command in the root of the checkout and returns all that it printed.
func command(t *testing.T, limit time.Duration, env []string, argv ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Dir = root
	cmd.Env = append(cmd.Environ(), env...)
	out, err := cmd.CombinedOutput()
	if ctx.Err() != nil {
		t.Fatalf("%s: no end within %v", strings.Join(argv, " "), limit)
	}
	return string(out), err
}
