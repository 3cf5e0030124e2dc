package golden

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// python is the system's interpreter: the harness is for the one that Debian's frameworks run on.
const python = "/usr/bin/python3"

// pipe is a process as one stream.
type pipe struct {
	io.Reader
	io.WriteCloser
	cmd *exec.Cmd
}

func (p *pipe) Close() error {
	_ = p.WriteCloser.Close()
	_ = p.cmd.Process.Kill() // it may have ended already
	return nil
}

// startApp runs an app.py with the given text under the harness.
func startApp(t *testing.T, text string) (*App, error) {
	t.Helper()
	if _, err := os.Stat(python); err != nil {
		t.Skip("there is no " + python)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "app.py"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(python, "-B", "-c", Harness, "app:app", dir)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	process := &pipe{out, in, cmd}
	t.Cleanup(func() { _ = process.Close(); _ = cmd.Wait() })
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	return NewApp(ctx, process)
}

// theApp answers in every way that the updater has to know.
const theApp = `
import sys
print("importing")  # does not disturb the answers

class Stream:
    def __init__(self, chunks): self.chunks = iter(chunks)
    def __iter__(self): return self
    def __next__(self): return next(self.chunks)
    def close(self): closed.append(True)

closed = []
count = 0

def failing():
    yield b"some"
    raise RuntimeError("late")

def app(environ, start_response):
    global count
    count += 1
    path = environ["PATH_INFO"]
    text = [("Content-Type", "text/plain")]
    if path == "/early":
        raise RuntimeError("early")
    if path == "/late":
        start_response("200 OK", text)
        return failing()
    if path == "/stream":
        start_response("200 OK", text)
        return Stream([b"", b"one", b"two"])
    if path == "/closed":
        start_response("200 OK", text)
        return [str(len(closed)).encode()]
    if path == "/echo":
        body = environ["wsgi.input"].read(100_000_000)
        start_response("200 OK", text + [("Content-Length", str(len(body)))])
        return [body]
    if path == "/environ":
        start_response("200 OK", text)
        keys = sorted(k for k in environ if k.isupper())
        return ["".join(f"{k}={environ[k]}\n" for k in keys).encode("latin-1")]
    if path == "/write":
        start_response("200 OK", text)(b"writ")
        return [b"ten"]
    if path == "/exc_info":
        start_response("200 OK", text)
        try:
            raise ValueError
        except ValueError:
            start_response("400 Bad", text, sys.exc_info())
        return [b"no"]
    if path == "/short":
        start_response("200 OK", text + [("Content-Length", "9")])
        return [b"short"]
    if path == "/bad":
        environ["wsgi.input"].read()  # validate wants an argument
    if path == "/swallowed":
        try:
            environ["wsgi.input"].read()
        except AssertionError:
            pass
    if path == "/count":
        start_response("200 OK", text + [("X-Id", "a%db" % count)])
        return [b"first line\nnumber %d\n" % count]
    start_response("200 OK", text + [("Date", "today")])
    return [b"Hello\n"]
`

// update runs Update on a case file against theApp.
func update(t *testing.T, file string) (string, error) {
	t.Helper()
	app, err := startApp(t, theApp)
	if err != nil {
		t.Fatal(err)
	}
	change, err := Update(t.Context(), parse(t, file), app)
	if err != nil {
		return "", err
	}
	if (change.Diff == "") == change.Changed() {
		t.Errorf("changed is %v, and the diff is %q", change.Changed(), change.Diff)
	}
	return string(change.New), nil
}

func TestUpdate(t *testing.T) {
	get := func(path string) string { return "-- send --\nGET " + path + " HTTP/1.1\nHost: matrix.test\n\n" }
	plain := "200 OK\nContent-Type: text/plain\n\n"
	tests := map[string]struct{ send, old, want string }{
		"new":             {get("/"), "-- expect --\n200 OK\n", "-- expect --\n" + plain + "Hello\n\n"},
		"agrees":          {get("/"), "-- expect --\n200 OK\ncontent-type:  text/plain\n\nHello\\n\n", "-- expect --\n200 OK\ncontent-type:  text/plain\n\nHello\\n\n"},
		"second agrees":   {get("/"), "-- expect --\n404 No\n-- or --\n" + plain + "Hello\n\n", "-- expect --\n404 No\n-- or --\n" + plain + "Hello\n\n"},
		"server's own":    {get("/"), "-- expect --\n200 OK\nConnection: close\nContent-Type: text/html\n\nHello\n\n", "-- expect --\n200 OK\nConnection: close\nContent-Type: text/plain\n\nHello\n\n"},
		"placeholders":    {get("/count"), "-- expect --\n201 OK\nX-Id: a\\{re [0-9]+}b\nGone: x\nContent-Type: \\{re x}\n\nfirst\nnumber \\{any}\n\n", "-- expect --\n200 OK\nX-Id: a\\{re [0-9]+}b\nContent-Type: text/plain\n\nfirst line\nnumber \\{any}\n\n"},
		"any headers":     {get("/"), "-- expect --\n500 OK\n\\{any}\n\n\\{re H}ello\n\n", "-- expect --\n200 OK\n\\{any}\n\n\\{re H}ello\n\n"},
		"early":           {get("/early"), "-- expect --\n200 OK\n", "-- expect --\n500 Internal Server Error\n\\{any}\n\n\\{any}\n"},
		"early, agrees":   {get("/early"), "-- expect --\n500 \\{any}\n\\{any}\n\nx\\{any}\n", "-- expect --\n500 \\{any}\n\\{any}\n\nx\\{any}\n"},
		"late":            {get("/late"), "-- expect --\n200 OK\n", "-- expect truncated --\n" + plain + "some\n"},
		"not late":        {get("/"), "-- expect main truncated --\n200 OK\n", "-- expect main --\n" + plain + "Hello\n\n"},
		"partial":         {get("/stream"), "-- expect partial --\n200 OK\n", "-- expect partial --\n" + plain + "one\n"},
		"partial, other":  {get("/stream"), "-- expect partial --\n201 OK\n\nx\n", "-- expect partial --\n" + plain + "one\n"},
		"stream":          {get("/stream"), "-- expect --\n200 OK\n", "-- expect --\n" + plain + "onetwo\n"},
		"write":           {get("/write"), "-- expect --\n200 OK\n", "-- expect --\n" + plain + "written\n"},
		"exc_info":        {get("/exc_info"), "-- expect --\n200 OK\n", "-- expect --\n400 Bad\nContent-Type: text/plain\n\nno\n"},
		"short":           {get("/short"), "-- expect --\n200 OK\n", "-- expect truncated --\n200 OK\nContent-Type: text/plain\nContent-Length: 9\n\nshort\n"},
		"head":            {"-- send --\nHEAD / HTTP/1.1\nHost: matrix.test\n\n", "-- expect --\n200 OK\n", "-- expect --\n" + plain},
		"echo":            {"-- send --\nPOST /echo HTTP/1.1\nHost: a\nContent-Length: \\{length}\n\n\\x00\\xff\n", "-- expect --\n200 OK\n", "-- expect --\n200 OK\nContent-Type: text/plain\nContent-Length: 2\n\n\\0\\xff\n"},
		"chunked":         {"-- send --\nPOST /echo HTTP/1.1\nHost: a\nTransfer-Encoding: chunked\n\n3\\r\\nabc\\r\\n0\\r\\n\\r\\n\n", "-- expect --\n200 OK\n", "-- expect --\n200 OK\nContent-Type: text/plain\nContent-Length: 3\n\nabc\n"},
		"big":             {"-- send --\nPOST /echo HTTP/1.1\nHost: a\nContent-Length: \\{length}\n\n\\{bytes 100000}\n", "-- expect --\n200 OK\n", "-- expect --\n200 OK\nContent-Type: text/plain\nContent-Length: 100000\n\n\\{sha256 100000 8a8c92f2b7b9f6e3}\n"},
		"after a partial": {get("/stream") + "-- expect partial --\n" + plain + "one\n-- reset --\n" + get("/closed"), "-- expect --\n200 OK\n", "-- expect --\n" + plain + "1\n"},
		"continue":        {"-- send --\nPOST /echo HTTP/1.1\nHost: a\nExpect: 100-continue\nContent-Length: 2\n\n-- expect --\n100 Continue\n\n-- send more --\nab\n", "-- expect --\n200 OK\n", "-- expect --\n200 OK\nContent-Type: text/plain\nContent-Length: 2\n\nab\n"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := update(t, "T\n\n"+tt.send+tt.old)
			if err != nil {
				t.Fatal(err)
			}
			if want := "T\n\n" + tt.send + tt.want; name != "big" && got != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			} else if name == "big" && !strings.Contains(got, `\{sha256 100000 `) {
				t.Errorf("got\n%s", got)
			}
		})
	}
}

func TestUpdateFollowsSavedValues(t *testing.T) {
	file := "T\n-- send --\nGET /count HTTP/1.1\nHost: a\n\n-- expect --\n200 OK\nX-Id: a\\{save n [0-9]}b\n\\{any}\n\n\\{any}\n-- send b --\nPOST /echo HTTP/1.1\nHost: a\nContent-Length: \\{length}\n\nn=\\{use n}\n-- expect b --\n200 OK\n\\{any}\n\nold\n"
	got, err := update(t, file)
	if want := strings.TrimSuffix(file, "old\n") + "n=1\n"; err != nil || got != want {
		t.Errorf("got %v\n%s", err, got)
	}
}

func TestUpdateMistakes(t *testing.T) {
	tests := map[string]struct{ file, want string }{
		"complaint":     {"T\n-- send --\nGET /bad HTTP/1.1\nHost: a\n\n-- expect --\n200 OK\n", "demo.txtar:6: wsgiref.validate complains"},
		"swallowed":     {"T\n-- send --\nGET /swallowed HTTP/1.1\nHost: a\n\n-- expect --\n200 OK\n", "demo.txtar:6: wsgiref.validate complains"},
		"no request":    {"T\n-- send --\nGET / HTTP/1.1\nHost: a\n\n-- expect --\n200 OK\n\\{any}\n\n\\{any}\n-- expect --\n200 OK\n", "demo.txtar:11: no request on connection \"main\" is left"},
		"half":          {"T\n-- send --\nGET / HTTP/1.1\nHost: a\n-- expect --\n400 Bad Request\n", `demo.txtar:5: what was sent on connection "main" is no complete request`},
		"lost variable": {"T\n-- send --\nGET / HTTP/1.1\nHost: a\n\n-- expect --\n200 OK\nX-Id: \\{save n .*}\n-- send --\nGET /\\{use n} HTTP/1.1\n\n", `\{use n}: nothing was saved`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := update(t, tt.file)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
}

func TestUpdateWithoutValidate(t *testing.T) {
	got, err := update(t, "T\nvalidate: off it calls read()\n-- send --\nGET /bad HTTP/1.1\nHost: a\n\n-- expect --\n500 x\n")
	if err != nil || !strings.Contains(got, "Hello") {
		t.Errorf("got %v\n%s", err, got)
	}
}

func TestUpdateLeavesWireAlone(t *testing.T) {
	file := "T\ngolden: wire\n-- send raw --\nnonsense\n-- expect --\n400 Bad Request\n"
	if got, err := update(t, file); err != nil || got != file {
		t.Errorf("got %v\n%s", err, got)
	}
}

func TestHarnessEnviron(t *testing.T) {
	got, err := update(t, "T\n-- send --\nGET /%65nviron?a=%20 HTTP/1.0\nHost: h:80\nX-A: 1\nX-A: 2\nCookie: a=1\nCookie: b=2\nX_A: forged\nProxy: x\nX-L: \\xe9\n\n-- expect --\n200 OK\n")
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{
		"PATH_INFO=/environ", "QUERY_STRING=a=%20", "HTTP_HOST=h:80", "HTTP_X_A=1, 2", "HTTP_COOKIE=a=1; b=2", "SERVER_PROTOCOL=HTTP/1.0",
		"SERVER_NAME=matrix.test", "SERVER_PORT=80", "SCRIPT_NAME=", `HTTP_X_L=\xe9`, "REQUEST_METHOD=GET",
	} {
		if !strings.Contains(got, "\n"+line+"\n") {
			t.Errorf("%s is not in\n%s", line, got)
		}
	}
	if strings.Contains(got, "=forged") || strings.Contains(got, "HTTP_PROXY") {
		t.Errorf("a forged key is in\n%s", got)
	}
}

func TestAppThatCannotBeLoaded(t *testing.T) {
	_, err := startApp(t, "import nothing_of_this_name\n")
	var load *LoadError
	if !errors.As(err, &load) || !strings.Contains(load.Traceback, "nothing_of_this_name") {
		t.Errorf("got %v", err)
	}
}

func TestAppThatDies(t *testing.T) {
	app, err := startApp(t, "import os\ndef app(e, s): os._exit(1)\n")
	if err != nil {
		t.Fatal(err)
	}
	_, err = Update(t.Context(), parse(t, minimal), app)
	if err == nil || !strings.Contains(err.Error(), "demo.txtar:7: the app's process ended before it answered") {
		t.Errorf("got %v", err)
	}
}

func TestAppThatHangs(t *testing.T) {
	app, err := startApp(t, "import time\ndef app(e, s): time.sleep(60)\n")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err = Update(ctx, parse(t, minimal), app); err == nil || !strings.Contains(err.Error(), "deadline") {
		t.Errorf("got %v", err)
	}
}
