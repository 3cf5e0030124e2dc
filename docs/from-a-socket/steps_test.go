// Package steps_test runs what docs/from-a-socket.md shows, and compares. With -update it
// writes what was printed into the page.
package steps_test

import (
	"bufio"
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"wsgimatrix/matrix/engine/docker"
	"wsgimatrix/matrix/image"
)

var update = flag.Bool("update", false, "write what was printed into the page")

const page = "../from-a-socket.md"

// steps are the blocks of the page, by the name in the comment above each.
var block = regexp.MustCompile("(?s)(<!-- step: ([a-z.]+) -->\n```[a-z]*\n)(.*?)(```\n)")

func TestPage(t *testing.T) {
	printed := map[string]string{
		"telnet":       telnet(t),
		"hello.py":     file(t, "hello.py"),
		"framework.py": file(t, "framework.py"),
		"greeter.py":   file(t, "greeter.py"),
	}
	images := servers(t, everybody...)
	iterative(t, images["iterative"], printed)
	printed["servers"] = everyServer(t, images)
	compare(t, printed)
}

func compare(t *testing.T, printed map[string]string) {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	fresh := block.ReplaceAllStringFunc(string(text), func(found string) string {
		m := block.FindStringSubmatch(found)
		want, ok := printed[m[2]]
		if !ok {
			t.Errorf("%s: no step %q", page, m[2])
		}
		seen[m[2]] = true
		if m[3] != want && !*update {
			t.Errorf("%s: step %s shows\n%s\nbut this was printed:\n%s", page, m[2], m[3], want)
		}
		return m[1] + want + m[4]
	})
	for name := range printed {
		if !seen[name] {
			t.Errorf("%s: step %s is not shown", page, name)
		}
	}
	if *update {
		if err := os.WriteFile(page, []byte(fresh), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func file(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// telnet is the session of step 1: what is typed, and what comes back.
func telnet(t *testing.T) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "socket")
	command(t, "go", "build", "-o", binary, "./1-socket")
	cmd := exec.CommandContext(t.Context(), binary)
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stop := func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }
	defer stop()
	client := dial(t, "127.0.0.1:8888")
	const typed = "GET /hello HTTP/1.1\r\n"
	if _, err := io.WriteString(client, typed); err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(client)
	if err != nil {
		t.Fatal(err)
	}
	stop()
	if said.String() != typed {
		t.Errorf("the server printed %q, not %q", said.String(), typed)
	}
	return unix("$ telnet 127.0.0.1 8888\n" + typed + string(answer))
}

func unix(s string) string { return strings.ReplaceAll(s, "\r\n", "\n") }

// dial connects as soon as somebody listens.
func dial(t *testing.T, addr string) net.Conn {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for {
		c, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", addr)
		if err == nil {
			_ = c.SetDeadline(deadline)
			return c
		}
		if time.Now().After(deadline) {
			t.Fatalf("nobody listens on %s: %v", addr, err)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// steady replaces what is different each time.
func steady(s string) string {
	for _, r := range []struct{ pattern, with string }{
		{`Date: [^\r\n]*`, "Date: Sun, 22 Nov 2026 22:33:44 GMT"},
		{`0x[0-9a-f]+`, "0x7f68ff5ce0c0"},
		{`REMOTE_PORT = '\d+'`, "REMOTE_PORT = '51234'"},
		{`REMOTE_ADDR = '[\d.]+'`, "REMOTE_ADDR = '172.17.0.1'"},
		{`SERVER_NAME = '\w+'`, "SERVER_NAME = '4b5d5c0e54f5'"},
		{`curl/[\d.]+`, "curl/8.14.1"},
	} {
		s = regexp.MustCompile(r.pattern).ReplaceAllString(s, r.with)
	}
	return s
}

// iterative runs step 2 and 3.
func iterative(t *testing.T, image string, printed map[string]string) {
	t.Helper()
	trace := serve(t, "--entrypoint", "iterative", image, "--bind", "0.0.0.0:8000", "--trace", "hello:app")
	printed["curl"] = shell("curl -i http://127.0.0.1:8888/hello", trace.ask("/hello", true))
	printed["trace"] = steady(trace.end())
	look := serve(t, image, "look:app")
	printed["environ"] = shell("curl 'http://127.0.0.1:8888/hello?name=you'", look.ask("/hello?name=you", false))
	look.end()
	greeter := serve(t, image, "greeter:app")
	printed["greeter"] = shell("curl 'http://127.0.0.1:8888/hello?name=you'", greeter.ask("/hello?name=you", false)) +
		shell("curl http://127.0.0.1:8888/else", greeter.ask("/else", false))
	greeter.end()
}

func shell(cmd, out string) string { return "$ " + cmd + "\n" + steady(out) }

var everybody = []string{"iterative", "threaded", "eventloop", "prefork", "gunicorn", "nginx-uwsgi", "waitress"}

// everyServer runs step 4.
func everyServer(t *testing.T, images map[string]string) string {
	t.Helper()
	var out strings.Builder
	for _, server := range everybody {
		s := serve(t, images[server], "greeter:app")
		fmt.Fprintf(&out, "%-12s %s", server, s.ask("/hello?name=you", false))
		s.end()
	}
	return out.String()
}

// servers are the images of step 2 to 4: those of the matrix, which the page's `docker build`
// makes as well.
func servers(t *testing.T, names ...string) map[string]string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Minute)
	defer cancel()
	cli, err := docker.Connect(ctx, t.Logf)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cli.Close() })
	images, err := image.New(cli, "../..")
	if err != nil {
		t.Fatal(err)
	}
	var targets []image.Target
	for _, name := range names {
		from := image.Base
		if _, err := os.Stat("../../servers/" + name + "/main.go"); err == nil {
			from = image.Ours
		}
		targets = append(targets, image.Target{Kind: image.Server, Name: name, From: from})
	}
	built, err := images.Build(ctx, targets, image.Options{Say: t.Logf})
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for target, tag := range built {
		found[target.Name] = tag
	}
	return found
}

func command(t *testing.T, name string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s%s", name, strings.Join(args, " "), err, out, stderr.Bytes())
	}
	return string(out)
}

// server is a container that serves one of the applications.
type server struct {
	t    *testing.T
	id   string
	addr string
}

func serve(t *testing.T, args ...string) *server {
	t.Helper()
	here, err := filepath.Abs(".")
	if err != nil {
		t.Fatal(err)
	}
	run := append([]string{"run", "-d", "--label", "wsgi-matrix=1", "--read-only", "--tmpfs", "/tmp", "-p", "127.0.0.1::8000", "-v", here + ":/app:ro"}, args...)
	s := &server{t: t, id: strings.TrimSpace(command(t, "docker", run...))}
	t.Cleanup(func() {
		_ = exec.CommandContext(context.WithoutCancel(t.Context()), "docker", "rm", "-f", "-v", s.id).Run()
	})
	s.addr = strings.TrimSpace(command(t, "docker", "port", s.id, "8000/tcp"))
	return s
}

// ask does what curl does: with head true it is curl -i.
func (s *server) ask(path string, head bool) string {
	s.t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for {
		out, err := s.once(path, head)
		if err == nil {
			return out
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("%s: %v\n%s", path, err, command(s.t, "docker", "logs", s.id))
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func (s *server) once(path string, head bool) (string, error) {
	c, err := (&net.Dialer{Timeout: 5 * time.Second}).DialContext(s.t.Context(), "tcp", s.addr)
	if err != nil {
		return "", err
	}
	defer c.Close() //nolint:errcheck // read to its end
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: 127.0.0.1:8888\r\nUser-Agent: curl/8.14.1\r\nAccept: */*\r\n\r\n", path) //nolint:errcheck // the answer says it
	var raw bytes.Buffer
	resp, err := http.ReadResponse(bufio.NewReader(io.TeeReader(c, &raw)), nil)
	if err != nil {
		return "", err
	}
	body, err := io.ReadAll(resp.Body)
	if resp.StatusCode >= 502 && resp.StatusCode <= 504 {
		return "", fmt.Errorf("not up yet: %s", resp.Status)
	}
	if head {
		top, _, _ := strings.Cut(raw.String(), "\r\n\r\n")
		return unix(top+"\r\n\r\n") + string(body), err
	}
	return string(body), err
}

// end stops the server and returns what it printed.
func (s *server) end() string {
	s.t.Helper()
	logs := command(s.t, "sh", "-c", "docker logs "+s.id+" 2>&1")
	command(s.t, "docker", "rm", "-f", "-v", s.id)
	return logs
}
