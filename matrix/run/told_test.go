package run

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"wsgimatrix/matrix/engine"
	"wsgimatrix/matrix/golden"
	"wsgimatrix/matrix/results"
)

// tellable is a server that is told by calling a function.
type tellable struct {
	addr string
	tell func(verb golden.Verb, worker string)
	code atomic.Int32 // its exit code; runs: it has not ended
	log  atomic.Pointer[string]
}

const runs = -1

func (s *tellable) Addr() string { return s.addr }

func (s *tellable) Tell(_ context.Context, verb golden.Verb, worker string) error {
	s.tell(verb, worker)
	return nil
}

func (s *tellable) Log(context.Context) ([]byte, error) {
	if text := s.log.Load(); text != nil {
		return []byte(*text), nil
	}
	return nil, nil
}

func (s *tellable) State(context.Context) (engine.State, error) {
	code := s.code.Load()
	return engine.State{Running: code == runs, ExitCode: int(code)}, nil
}

// serving is a server of Go's, with a handler, that stop ends with a code; it finishes what it has begun
// if it is graceful.
func serving(t *testing.T, graceful bool, code int32, h http.HandlerFunc) *tellable {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: h, ReadHeaderTimeout: time.Minute}
	s := &tellable{addr: l.Addr().String()}
	s.code.Store(runs)
	go func() { _ = server.Serve(l) }() // ends when it is closed
	t.Cleanup(func() { _ = server.Close() })
	s.tell = func(golden.Verb, string) {
		if !graceful {
			_ = server.Close()
			s.code.Store(code)
			return
		}
		go func() {
			_ = server.Shutdown(context.Background())
			s.code.Store(code)
		}()
	}
	return s
}

func playOn(t *testing.T, target Target, text string) results.Case {
	t.Helper()
	c, err := golden.Parse("told", "told.txtar", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	limits := playLimits()
	limits.Evidence = 1 << 10
	return PlayWith(t.Context(), target, c, limits)
}

const stopping = `T
golden: wire
timeout: 1s

-- send --
GET /slow HTTP/1.1
Host: x

-- begins --
-- tell stop --
-- expect --
200 OK
\{any}

begun, done
-- closed --
-- ended 0 --
`

// slowly answers in two parts, some time apart.
func slowly(w http.ResponseWriter, _ *http.Request) {
	_, _ = io.WriteString(w, "begun, ")
	_ = http.NewResponseController(w).Flush()
	time.Sleep(100 * time.Millisecond)
	_, _ = io.WriteString(w, "done")
}

func TestTellStop(t *testing.T) {
	for name, test := range map[string]struct {
		graceful bool
		code     int32
		want     string
	}{
		"graceful":    {true, 0, ""},
		"cut":         {false, 0, "line 11: "},
		"bad code":    {true, 3, "line 17: the server ended with exit code 3, not with 0"},
		"never ended": {true, runs, "line 17: the server has not ended within 1s"},
	} {
		t.Run(name, func(t *testing.T) {
			r := playOn(t, serving(t, test.graceful, test.code, slowly), stopping)
			if passes := r.Outcome == results.Pass; passes != (test.want == "") || !strings.HasPrefix(r.Reason, test.want) {
				t.Errorf("%s: %s; want %q", r.Outcome, r.Reason, test.want)
			}
		})
	}
}

// TestTellNobody: a case that tells something cannot be judged where only an address is known.
func TestTellNobody(t *testing.T) {
	s := serving(t, true, 0, slowly)
	if r := playOn(t, addressed(s.addr), stopping); r.Outcome != results.Error || !strings.Contains(r.Reason, "cannot be told anything") {
		t.Errorf("%s: %s", r.Outcome, r.Reason)
	}
}

func TestKillWorker(t *testing.T) {
	s := serving(t, false, 0, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "pid 17\n") })
	var killed string
	s.tell = func(_ golden.Verb, worker string) { killed = worker }
	r := playOn(t, s, "T\ngolden: wire\n\n-- send --\nGET / HTTP/1.1\nHost: x\n\n-- expect --\n200 OK\n\\{any}\n\npid \\{save pid [0-9]+}\n\n-- tell kill-worker --\n")
	if r.Outcome != results.Pass || killed != "17" {
		t.Errorf("%s: %s; %q was killed", r.Outcome, r.Reason, killed)
	}
}

// TestUntil has a server answer otherwise at first.
func TestUntil(t *testing.T) {
	const text = "T\ngolden: wire\ntimeout: 300ms\n\n-- send --\nGET / HTTP/1.1\nHost: x\n\n-- expect until --\n200 OK\n\\{any}\n\nready\n"
	for name, ready := range map[string]int32{"soon": 3, "never": 1 << 30} {
		t.Run(name, func(t *testing.T) {
			var asked atomic.Int32
			s := serving(t, true, 0, func(w http.ResponseWriter, _ *http.Request) {
				if asked.Add(1) < ready {
					_, _ = io.WriteString(w, "wait!")
					return
				}
				_, _ = io.WriteString(w, "ready")
			})
			r := playOn(t, s, text)
			if passes := r.Outcome == results.Pass; passes != (name == "soon") || passes && asked.Load() != ready {
				t.Errorf("%s (%s) after %d requests", r.Outcome, r.Reason, asked.Load())
			}
			if len(r.Evidence) != 1 {
				t.Errorf("%d exchanges are kept", len(r.Evidence))
			}
		})
	}
}

const loading = `T
golden: wire
timeout: 1s

-- load a*3 --
GET / HTTP/1.1
Host: x
Connection: close

-- pause 50ms --
-- every a*3 --
200 OK
\{any}

hello
`

func TestLoad(t *testing.T) {
	for name, lost := range map[string]int32{"none is lost": 0, "the fifth is lost": 5} {
		t.Run(name, func(t *testing.T) {
			var asked atomic.Int32
			s := serving(t, true, 0, func(w http.ResponseWriter, _ *http.Request) {
				if asked.Add(1) == lost {
					panic(http.ErrAbortHandler)
				}
				_, _ = io.WriteString(w, "hello")
			})
			r := playOn(t, s, loading)
			want := ""
			if lost > 0 {
				want = fmt.Sprintf("line 11: 1 of %d requests were lost or answered otherwise; the first: ", asked.Load())
			}
			if passes := r.Outcome == results.Pass; passes != (lost == 0) || !strings.HasPrefix(r.Reason, want) {
				t.Errorf("%s: %s; want %q", r.Outcome, r.Reason, want)
			}
			if asked.Load() < 6 {
				t.Errorf("only %d requests were sent", asked.Load())
			}
		})
	}
}

// TestManyConnections: all of them are there at once.
func TestManyConnections(t *testing.T) {
	const text = "T\ngolden: wire\ntimeout: 1s\n\n-- send a*20 --\nGET / HTTP/1.1\nHost: x\n\n-- expect a*20 --\n200 OK\n\\{any}\n\nhello\n"
	var together sync.WaitGroup
	together.Add(20)
	s := serving(t, true, 0, func(w http.ResponseWriter, r *http.Request) {
		together.Done()
		together.Wait()
		_, _ = io.WriteString(w, "hello")
	})
	if r := playOn(t, s, text); r.Outcome != results.Pass || len(r.Evidence) != 1 {
		t.Errorf("%s: %s; %d exchanges are kept", r.Outcome, r.Reason, len(r.Evidence))
	}
}

// TestLogged: what stood in the log before the case does not count, and what comes late does.
func TestLogged(t *testing.T) {
	const text = "T\ngolden: wire\ntimeout: 1s\n\n-- send --\nGET / HTTP/1.1\nHost: x\n\n-- expect --\n200 OK\n\\{any}\n\nhello\n-- logged --\nsaid\nand this\n"
	for name, test := range map[string]struct{ before, after, reason string }{
		"said":        {"", "it was said, and this", ""},
		"said before": {"it was said, and this", "", `the server has not logged "said"`},
		"said partly": {"and this; ", "it was said", `the server has not logged "and this"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var s *tellable // the handler speaks of it
			s = serving(t, true, 0, func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.WriteString(w, "hello")
				time.AfterFunc(50*time.Millisecond, func() { all := test.before + test.after; s.log.Store(&all) })
			})
			s.log.Store(&test.before)
			r := playOn(t, s, text)
			if (r.Outcome == results.Pass) != (test.reason == "") || !strings.Contains(r.Reason, test.reason) {
				t.Errorf("%s: %q, want in it %q", r.Outcome, r.Reason, test.reason)
			}
		})
	}
}
