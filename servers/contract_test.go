//go:build toolchain

package servers_test

import (
	"fmt"
	"io"
	"strings"
	"testing"
)

// What the application is owed, by PEP 3333.

func TestEnviron(t *testing.T) {
	each(t, models, func(t *testing.T, m model) {
		s := start(t, m)
		text := "POST /env/%e2%82%ac%ff%252F//a/../b;p?q=%20&a=1&a=2 HTTP/1.1\r\nHost: example.com:81\r\nCookie: a=1\r\nCookie: b=2\r\n" +
			"X-Two: 1\r\nx-two: 2\r\nX-Empty:\r\nX-Latin: \xe9\r\nX_Forged: 1\r\nProxy: evil\r\nContent-Type: text/x\r\nContent-Length: 0\r\n\r\n"
		c := s.dial()
		c.send(strings.Replace(text, "/env/", "/types/", 1)) // no such path: nothing of it may be left
		c.receive("POST")
		c.send(strings.Replace(text, "/env/%e2%82%ac%ff%252F//a/../b;p", "/env", 1))
		env := c.receive("POST").body
		port := s.addr[strings.LastIndex(s.addr, ":")+1:]
		for _, line := range []string{
			"REQUEST_METHOD='POST'", "SCRIPT_NAME=''", "PATH_INFO='/env'", "QUERY_STRING='q=%20&a=1&a=2'",
			"SERVER_PROTOCOL='HTTP/1.1'", "SERVER_NAME='127.0.0.1'", "SERVER_PORT='" + port + "'", "REMOTE_ADDR='127.0.0.1'",
			"CONTENT_TYPE='text/x'", "CONTENT_LENGTH='0'", "HTTP_HOST='example.com:81'", "HTTP_COOKIE='a=1; b=2'", "HTTP_X_TWO='1,2'",
			"HTTP_X_EMPTY=''", "HTTP_X_LATIN='é'", "wsgi.version=(1, 0)", "wsgi.url_scheme='http'", "wsgi.run_once=False", "wsgi.input_terminated=True",
			fmt.Sprintf("wsgi.multithread=%s", title(m.name == "threaded")), fmt.Sprintf("wsgi.multiprocess=%s", title(m.name == "prefork")),
		} {
			contains(t, "environ", "\n"+env, "\n"+line+"\n")
		}
		for _, never := range []string{"FORGED", "PROXY", "HTTP_CONTENT", "TRANSFER_ENCODING"} {
			if strings.Contains(env, never) {
				t.Errorf("environ contains %s:\n%s", never, env)
			}
		}
	})
}

func title(b bool) string {
	if b {
		return "True"
	}
	return "False"
}

func TestEnvironOfOneWorkerOrThread(t *testing.T) {
	for _, m := range []model{{name: "threaded", args: []string{"--threads", "1"}}, {name: "prefork", args: []string{"--workers", "1"}}} {
		env := start(t, m).get("/env").body
		contains(t, m.name, env, "wsgi.multithread=False\n")
		contains(t, m.name, env, "wsgi.multiprocess=False\n")
	}
}

func TestRequestsShareNothing(t *testing.T) {
	each(t, models, func(t *testing.T, m model) {
		c := start(t, m).dial()
		for range 3 {
			c.send(request("GET", "/types"))
			c.receive("GET").is(t, 200, "True nothing")
		}
	})
}

// A chunked body has no length until it is there; then the application sees it (C81).
func TestChunkedBodyHasALength(t *testing.T) {
	each(t, models, func(t *testing.T, m model) {
		env := start(t, m).ask("POST", request("POST", "/env", "Transfer-Encoding: chunked")+"3\r\nabc\r\n0\r\nX-Trailer: 1\r\n\r\n").body
		contains(t, "environ", env, "CONTENT_LENGTH='3'\n")
		for _, never := range []string{"TRANSFER_ENCODING", "TRAILER"} {
			if strings.Contains(env, never) {
				t.Errorf("environ contains %s:\n%s", never, env)
			}
		}
	})
}

func TestInput(t *testing.T) {
	body := "one\ntwo\nthree\nfour\nfive"
	want := "[b'', b'one', b'\\n', b'tw', [b'o\\n'], [b'three\\n', b'four\\n', b'five'], b'', b'', b'', b'']"
	each(t, models, func(t *testing.T, m model) {
		s := start(t, m)
		s.ask("POST", post("/lines", body)).is(t, 200, want)
		s.ask("POST", request("POST", "/lines", "Transfer-Encoding: chunked")+"5\r\none\nt\r\n12\r\nwo\nthree\nfour\nfive\r\n0\r\n\r\n").is(t, 200, want)
		s.get("/back").is(t, 200, "")
		long := strings.Repeat("x", 600<<10) // it is in a file
		got := s.ask("POST", post("/lines", "one\ntwo\n"+long)).body
		if !strings.HasPrefix(got, "[b'', b'one', b'\\n', b'tw', [b'o\\n'], [b'xxx") || !strings.HasSuffix(got, "xxx'], b'', b'', b'', b'']") {
			t.Errorf("a body in a file reads %s", cut(got))
		}
	})
}

func TestErrorsStream(t *testing.T) {
	each(t, models, func(t *testing.T, m model) {
		s := start(t, m)
		s.get("/errors").is(t, 200, "logged")
		s.logs("written €\none\ntwo\n")
	})
}

// Every one of these is answered with 500, logged, and nothing of it gets on the wire.
func TestBadResponses(t *testing.T) {
	bad := []string{
		"short", "word", "interim", "bytes", "crlf-status", "wide-status", "no-list", "no-tuple", "three", "bytes-name", "bytes-value", "int-value",
		"empty-name", "space-name", "colon-name", "crlf-name", "crlf-value", "lf-value", "nul-value", "wide-value", "length", "huge-length",
		"two-lengths", "connection", "coding", "none",
	}
	var targets []string
	for _, name := range bad {
		targets = append(targets, "/bad?case="+name)
	}
	for _, name := range []string{"none", "text", "str", "bytes", "number", "mixed", "bytearray"} {
		targets = append(targets, "/bad_body?case="+name)
	}
	targets = append(targets, "/treacherous", "/never_start", "/twice", "/write_text", "/raise_first", "/raise_exit", "/raise_interrupt", "/raise_started", "/raise_at_once")
	each(t, models, func(t *testing.T, m model) {
		s := start(t, m)
		for _, target := range targets {
			logged := len(s.log.String())
			c := s.dial()
			c.send(request("GET", target))
			text := c.rest()
			if !strings.HasPrefix(text, "HTTP/1.1 500 Internal Server Error\r\n") || !strings.HasSuffix(text, "\r\n\r\n500 Internal Server Error\n") || strings.Contains(text, "Evil") {
				t.Errorf("%s: %q", target, text)
			}
			s.logsWhen("something about "+target, func(text string) bool { return len(text) > logged })
			c.Close() //nolint:errcheck,gosec // it has ended
		}
		s.says("close") // of never_start
		s.says("close") // of raise_at_once
		s.answers()
		s.silent()
	})
}

func TestExcInfo(t *testing.T) {
	each(t, models, func(t *testing.T, m model) {
		s := start(t, m)
		c := s.dial()
		c.send(request("GET", "/replaced"))
		r := c.receive("GET")
		r.is(t, 503, "replaced")
		equal(t, "reason", r.Status, "503 Sorry")
		equal(t, "old header", r.Header.Get("X-Old"), "")
		equal(t, "new header", r.Header.Get("X-New"), "2")
		c.send(request("GET", "/replaced_late"))
		c.receive("GET").is(t, 503, "replaced")
		c.send(request("GET", "/lingering"))
		c.receive("GET").is(t, 200, "gone")
		c.send(request("GET", "/too_late"))
		r = c.receive("GET")
		equal(t, "body", r.body, "first\n")
		equal(t, "cut", r.isCut(), true)
		s.says("same True")
		s.logs("ValueError: on purpose")
	})
}

func TestErrorAfterTheHead(t *testing.T) {
	each(t, models, func(t *testing.T, m model) {
		s := start(t, m)
		for target, body := range map[string]string{"/raise_later": "first\n", "/write_then_fail": "partly\n"} {
			c := s.dial()
			c.send(request("GET", target) + request("GET", "/hello"))
			r := c.receive("GET")
			equal(t, target, r.body, body)
			equal(t, target+" is cut", r.isCut(), true)
			s.logs("ValueError: on purpose")
		}
		s.says("close")
		s.answers()
		s.silent()
	})
}

func TestErrorInClose(t *testing.T) {
	each(t, models, func(t *testing.T, m model) {
		s := start(t, m)
		c := s.dial()
		for range 2 {
			c.send(request("GET", "/raise_in_close"))
			c.receive("GET").is(t, 200, "whole\n")
			s.says("close")
		}
		s.logs("ValueError: on purpose")
		c.send(request("HEAD", "/raise_in_close"))
		c.receive("HEAD").is(t, 200, "")
		s.says("close")
		c.send(request("GET", "/hello"))
		c.receive("GET").is(t, 200, "hello\n")
		s.silent()
	})
}

// Whatever way a response ends, close() has run once (C53).
func TestCloseOnce(t *testing.T) {
	each(t, models, func(t *testing.T, m model) {
		s := start(t, m)
		for _, row := range []struct{ method, target string }{
			{"GET", "/empties"}, {"HEAD", "/empties"}, {"GET", "/declared?length=5"}, {"GET", "/declared?length=50"}, {"HEAD", "/declared?length=5"},
			{"GET", "/status?is=204+No+Content"}, {"GET", "/status?is=304+Not+Modified"}, {"GET", "/never_start"}, {"GET", "/raise_at_once"},
			{"GET", "/raise_later"}, {"GET", "/raise_in_close"}, {"GET", "/write"}, {"HEAD", "/write"}, {"GET", "/write_long"}, {"GET", "/ducks"},
		} {
			s.ask(row.method, request(row.method, row.target))
			s.says("close")
		}
		for _, target := range []string{"/large?blocks=100000", "/stubborn"} {
			c := s.dial()
			c.send(request("GET", target))
			c.head("GET")
			c.reset()
			s.says("close")
		}
		s.answers()
		s.silent()
	})
}

// start_response and write belong to their response alone.
func TestCallsAfterTheEnd(t *testing.T) {
	each(t, named("iterative", "threaded", "eventloop"), func(t *testing.T, m model) {
		s := start(t, m)
		c := s.dial()
		c.send(request("GET", "/keep"))
		c.receive("GET").is(t, 200, "kept")
		c.send(request("GET", "/use_kept"))
		c.receive("GET").is(t, 200, "RuntimeError,RuntimeError")
		c.send(request("GET", "/use_kept"))
		c.receive("GET").is(t, 200, "RuntimeError,RuntimeError")
	})
}

// A thread of the application cannot write into the middle of what the server is sending.
func TestWriteFromAThread(t *testing.T) {
	each(t, models, func(t *testing.T, m model) {
		s := start(t, m)
		c := s.dial()
		c.send(request("GET", "/write_from_thread"))
		r := c.head("GET") // and with it a part of the body, which is sent until it is read
		s.open("thread", 1)
		s.says("RuntimeError")
		body, err := io.ReadAll(r.Body)
		equal(t, "bytes", len(body), 64<<20)
		equal(t, "error", err, nil)
		equal(t, "intruders", strings.Count(string(body), "intruder"), 0)
		s.says("close")
	})
}

// Threads of the application run while the server waits for clients.
func TestThreadsOfTheApplication(t *testing.T) {
	each(t, models, func(t *testing.T, m model) {
		s := start(t, m)
		s.get("/threads").is(t, 200, "started")
		s.open("thread", 1)
		s.says("thread ran")
	})
}

func TestForkOfTheApplication(t *testing.T) {
	each(t, models, func(t *testing.T, m model) {
		s := start(t, m)
		s.get("/forks").is(t, 200, "-15")
		s.answers()
	})
}
