//go:build toolchain

package servers_test

import (
	"bytes"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// ran is what became of a command that ends by itself.
type ran struct {
	code           int
	stdout, stderr string
}

func runCommand(t *testing.T, name string, args ...string) ran {
	t.Helper()
	cmd := command(name, args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stuck := time.AfterFunc(limit, func() { cmd.Process.Kill() }) //nolint:errcheck,gosec // then the exit code is -1
	cmd.Wait()                                                    //nolint:errcheck,gosec // ProcessState tells
	stuck.Stop()
	return ran{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

func TestUsage(t *testing.T) {
	table := []struct {
		name string
		args []string
		says string
	}{
		{"no argument", nil, "which application?"},
		{"two applications", []string{"a:b", "c:d"}, "one application, not 2"},
		{"no colon", []string{"app"}, `"app" is not module:callable`},
		{"no callable", []string{"app:"}, `"app:" is not module:callable`},
		{"unknown flag", []string{"--nonsense", "app:app"}, "flag provided but not defined"},
		{"no port", []string{"--bind", "127.0.0.1", "app:app"}, "neither host:port nor unix:PATH"},
		{"no path", []string{"--bind", "unix:", "app:app"}, "neither host:port nor unix:PATH"},
		{"mount without slash", []string{"--mount", "x", "app:app"}, "--mount must begin with /"},
		{"mount with two", []string{"--mount", "/x/", "app:app"}, "--mount must begin with / and not end with it"},
		{"no duration", []string{"--timeout", "5", "app:app"}, "invalid value"},
		{"no time", []string{"--timeout", "0s", "app:app"}, "must be above zero"},
		{"no size", []string{"--max-body", "0", "app:app"}, "must be above zero"},
	}
	each(t, models, func(t *testing.T, m model) {
		for _, row := range table {
			got := runCommand(t, m.name, row.args...)
			equal(t, row.name+": exit code", got.code, 2)
			equal(t, row.name+": stdout", got.stdout, "")
			contains(t, row.name, got.stderr, row.says)
			contains(t, row.name, got.stderr, "usage: "+m.name+" [flags] module:callable")
		}
	})
}

func TestUsageOfOneModel(t *testing.T) {
	for _, args := range [][]string{{"threaded", "--threads", "0"}, {"prefork", "--workers", "0"}, {"eventloop", "--threads", "2"}, {"iterative", "--workers", "2"}} {
		got := runCommand(t, args[0], append(args[1:], "app:app")...)
		equal(t, strings.Join(args, " "), got.code, 2)
	}
}

func TestVersion(t *testing.T) {
	each(t, models, func(t *testing.T, m model) {
		got := runCommand(t, m.name, "--version")
		equal(t, "exit code", got.code, 0)
		contains(t, "version", got.stdout, m.name+" 0.")
		equal(t, "help", runCommand(t, m.name, "--help").code, 0)
	})
}

func TestApplicationThatCannotBeLoaded(t *testing.T) {
	table := []struct{ name, app, says string }{
		{"no module", "nowhere:app", "ModuleNotFoundError: No module named 'nowhere'"},
		{"no callable", "app:nowhere", "AttributeError: module 'app' has no attribute 'nowhere'"},
		{"raises", "broken:app", "RuntimeError: broken on purpose"},
		{"not callable", "app:no_callable", "TypeError: app:no_callable is not callable: 7"},
	}
	each(t, models, func(t *testing.T, m model) {
		for _, row := range table {
			got := runCommand(t, m.name, append(m.args, "--bind", freePort(t), "--chdir", "testdata", row.app)...)
			equal(t, row.name+": exit code", got.code, 3)
			contains(t, row.name, got.stderr, "Traceback (most recent call last):")
			contains(t, row.name, got.stderr, row.says)
		}
	})
}

func TestCommandThatCannotStart(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { taken.Close() }) //nolint:errcheck,gosec // the test is over
	table := []struct {
		args []string
		says string
	}{
		{[]string{"--bind", taken.Addr().String()}, "address already in use"},
		{[]string{"--bind", "unix:/nowhere/at/all"}, "--bind: listen unix /nowhere/at/all"},
		{[]string{"--chdir", "/nowhere"}, "/nowhere: no such file"},
		{[]string{"--python", "nosuchpython"}, "--python:"},
	}
	each(t, models, func(t *testing.T, m model) {
		for _, row := range table {
			got := runCommand(t, m.name, append(row.args, "app:app")...)
			equal(t, strings.Join(row.args, " "), got.code, 1)
			contains(t, strings.Join(row.args, " "), got.stderr, m.name+": ")
			contains(t, strings.Join(row.args, " "), got.stderr, row.says)
		}
	})
}

// An installation of a command without its shared object says what it misses.
func TestCommandWithoutItsLibrary(t *testing.T) {
	dir := t.TempDir()
	data, err := os.ReadFile(filepath.Join(home, "bin", "eventloop"))
	if err != nil {
		t.Fatal(err)
	}
	alone := filepath.Join(dir, "eventloop")
	if err := os.WriteFile(alone, data, 0o700); err != nil { //nolint:gosec // it is to be run
		t.Fatal(err)
	}
	out, err := exec.Command(alone, "app:app").CombinedOutput()
	if err == nil {
		t.Error("it ran")
	}
	contains(t, "message", string(out), "eventloop.so is neither in")
}

func TestUnixSocket(t *testing.T) {
	each(t, models, func(t *testing.T, m model) {
		path := filepath.Join(t.TempDir(), "socket")
		s := start(t, m, "--bind", "unix:"+path)
		s.answers()
		env := s.get("/env").body
		for _, want := range []string{"REMOTE_ADDR=''\n", "SERVER_NAME='localhost'\n", "SERVER_PORT='80'\n"} {
			contains(t, "environ", env, want)
		}
		got := runCommand(t, m.name, "--bind", "unix:"+path, "app:app")
		equal(t, "a second server's exit code", got.code, 1)
		contains(t, "a second server", got.stderr, "another server listens there")
		s.answers()
		all := s.family()
		s.signal(syscall.SIGKILL) // its socket stays behind
		s.exit()
		awaitEnd(t, all...)
		start(t, m, "--bind", "unix:"+path).answers()
	})
}

func TestMount(t *testing.T) {
	each(t, models, func(t *testing.T, m model) {
		s := start(t, m, "--mount", "/env")
		for target, path := range map[string]string{"/env": "''", "/env/": "'/'", "/env/env": "'/env'"} {
			r := s.get(target)
			if path == "'/env'" {
				contains(t, target, r.body, "PATH_INFO="+path+"\n")
				contains(t, target, r.body, "SCRIPT_NAME='/env'\n")
			} else {
				r.is(t, 404, "not found\n") // by the application, which has no such path
			}
		}
		s.get("/environment").is(t, 404, "404 Not Found\n")
		s.get("/").is(t, 404, "404 Not Found\n")
	})
}

func TestTrace(t *testing.T) {
	each(t, models, func(t *testing.T, m model) {
		s := start(t, m, "--trace")
		r := s.ask("POST", post("/back?a=1", "body", "Connection: close", "X-Test:  spaced"))
		r.is(t, 200, "body")
		s.logs("> Connection: close\n")
		want := "< POST /back?a=1 HTTP/1.1\n" +
			"< Host: test\n" +
			"< Connection: close\n" +
			"< X-Test:  spaced\n" +
			"< Content-Length: 4\n" +
			"> HTTP/1.1 200 OK\n" +
			"> Content-Type: text/plain\n" +
			"> Server: " + r.Header.Get("Server") + "\n" +
			"> Date: " + r.Header.Get("Date") + "\n" +
			"> Content-Length: 4\n" +
			"> Connection: close\n"
		equal(t, "trace", s.log.String(), want)
	})
}

func TestTraceOfRefusedRequest(t *testing.T) {
	each(t, models, func(t *testing.T, m model) {
		s := start(t, m, "--trace")
		r := s.ask("GET", "\r\n"+request("GET", "/hello", "Expect: miracles", "Connection: close"))
		r.is(t, 417, "417 Expectation Failed\n")
		s.logs("> HTTP/1.1 417 Expectation Failed\n")
		s.logs("< GET /hello HTTP/1.1\n")
		s.logs("! an expectation other than 100-continue")
		if text := s.log.String(); strings.Contains(text, "> 417") {
			t.Errorf("the body is traced too:\n%s", text)
		}
	})
}

// awaitEnd waits until processes are gone that are nobody's children here.
func awaitEnd(t *testing.T, pids ...int) {
	t.Helper()
	for _, pid := range pids {
		for end := time.Now().Add(limit); alive(pid); time.Sleep(2 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("process %d still runs", pid)
			}
		}
	}
}
