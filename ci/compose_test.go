package ci_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"time"

	"wsgimatrix/matrix/engine/docker"
)

const (
	composeBuild = 20 * time.Minute // images, if nothing is built yet
	composeCall  = time.Minute
)

// compose is Docker Compose, 1.29 or newer, with a project of its own.
type compose struct {
	argv, env []string
	port      string
}

func newCompose(t *testing.T, server, app string) compose {
	t.Helper()
	c := compose{argv: composeCommand(t), port: freePort(t)}
	c.env = []string{
		"SERVER=" + server, "APP=" + app, "PORT=" + c.port,
		"COMPOSE_PROJECT_NAME=wsgi-matrix-test-" + c.port,
		"DOCKER_BUILDKIT=0", // the oldest builder there is; it shares its cache with the runner
	}
	return c
}

func composeCommand(t *testing.T) []string {
	t.Helper()
	if _, err := exec.LookPath("docker-compose"); err == nil {
		return []string{"docker-compose"}
	}
	if exec.Command("docker", "compose", "version").Run() == nil {
		return []string{"docker", "compose"}
	}
	t.Fatal("Compose is missing: apt-get install docker-compose")
	return nil
}

// freePort is one that was free a moment ago.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

func (c compose) do(t *testing.T, limit time.Duration, args ...string) string {
	t.Helper()
	out, err := command(t, limit, c.env, append(c.argv, args...)...)
	if err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

func TestComposeRunsOnePairByHand(t *testing.T) {
	if _, err := docker.Connect(t.Context(), t.Logf); err != nil {
		t.Fatal(err)
	}
	c := newCompose(t, "prefork", "bare")
	if config := c.do(t, composeCall, "config"); !strings.Contains(config, "read_only: true") {
		t.Errorf("the cell is not read-only:\n%s", config)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), composeCall)
		defer cancel()
		down := exec.CommandContext(ctx, c.argv[0], append(c.argv[1:], "down", "--volumes", "--remove-orphans")...)
		down.Dir, down.Env = root, append(down.Environ(), c.env...)
		if out, err := down.CombinedOutput(); err != nil {
			t.Errorf("down: %v\n%s", err, out)
		}
	})
	c.do(t, composeBuild, "build")
	c.do(t, composeCall, "up", "--detach")
	if body := c.await(t, "/hello"); !strings.HasPrefix(body, "Hello world") {
		t.Errorf("GET /hello: %q", body)
	}
}

// await polls: an engine's proxy accepts before the server listens.
func (c compose) await(t *testing.T, path string) string {
	t.Helper()
	var last error
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); {
		body, err := get(t.Context(), fmt.Sprintf("http://127.0.0.1:%s%s", c.port, path))
		if err == nil {
			return body
		}
		last = err
	}
	t.Fatalf("no answer: %v\n%s", last, c.do(t, composeCall, "logs"))
	return ""
}

func get(ctx context.Context, url string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(answer.Body)
	return string(body), err
}
