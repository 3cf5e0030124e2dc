package run_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"wsgimatrix/matrix/engine"
	"wsgimatrix/matrix/engine/enginetest"
	"wsgimatrix/matrix/plan"
	"wsgimatrix/matrix/results"
	"wsgimatrix/matrix/run"
)

// site answers the cases of checkout as their golden says. A handler for a path replaces its answer.
func site(other map[string]http.HandlerFunc) enginetest.Server {
	return enginetest.HTTP(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if h := other[r.URL.Path]; h != nil {
			h(w, r)
			return
		}
		w.Header().Set("Content-Type", "text/plain")
		_, _ = fmt.Fprintf(w, "%s\n", strings.TrimPrefix(r.URL.Path, "/"))
	}))
}

func different(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain")
	_, _ = fmt.Fprintln(w, "something else")
}

// checkout writes a plan of these servers, one app, and the cases a, b and c. Known
// divergences are put into every server.yaml.
func checkout(t *testing.T, known string, servers ...string) *plan.Plan {
	t.Helper()
	root := t.TempDir()
	write := func(name, text string) {
		file := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("matrix.yaml", "servers: ["+strings.Join(servers, ", ")+"]\napps: [app]\n")
	for _, s := range servers {
		write("servers/"+s+"/server.yaml", "command: [x, \"{app}\"]\nport: 80\nversion: [x]\n"+known)
	}
	write("apps/app/app.yaml", "version: [y]\n")
	for _, c := range []string{"a", "b", "c"} {
		write("apps/app/cases/"+c+".txtar", fmt.Sprintf("Asks for %s\ntimeout: 1s\n\n-- send --\nGET /%s HTTP/1.1\nHost: x\n\n-- expect --\n200 OK\nContent-Type: text/plain\n\n%s\n\n", c, c, c))
	}
	p, err := plan.Load(root)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// asksFor rewrites a case of a checkout so that it asks for a set-up, and gives the server one.
func asksFor(t *testing.T, p *plan.Plan, name, setup, serverYAML string) *plan.Plan {
	t.Helper()
	file := filepath.Join(p.Root, "apps/app/cases", name+".txtar")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(strings.Replace(string(text), "timeout:", "setup: "+setup+"\ntimeout:", 1)), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, s := range p.Servers {
		f, err := os.OpenFile(s.File, os.O_APPEND|os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteString(serverYAML); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	p, err = plan.Load(p.Root)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestSetups(t *testing.T) {
	for name, test := range map[string]struct{ yaml, want string }{
		"a command": {"setups: {many: {command: [x, --many, \"{app}\"], env: {MANY: \"1\"}}}\n", "s pass: a pass, b pass, c pass"},
		"cannot":    {"setups: {many: {cannot: it has one worker}}\n", "s known: a pass, b known, c pass"},
		"not named": {"", "s known: a pass, b known, c pass"},
	} {
		t.Run(name, func(t *testing.T) {
			p := asksFor(t, checkout(t, "", "s"), "b", "many", test.yaml)
			var specs []engine.Spec
			plain := site(nil)
			e := &enginetest.Engine{Servers: map[string]enginetest.Server{"s": func(c *enginetest.Cell) int {
				specs = append(specs, c.Spec) // one after the other
				return plain(c)
			}}}
			out := start(t, t.Context(), p, e, options(p))
			if got := outcomes(out); got != test.want {
				t.Errorf("%s, want %s", got, test.want)
			}
			if specs[0].Command != nil {
				t.Errorf("the first container runs %q", specs[0].Command)
			}
			if name != "a command" {
				if len(specs) != 1 || !strings.Contains(out.Cells[0].Cases[1].Reason, "cannot be set up as many") {
					t.Errorf("%d containers; b: %s", len(specs), out.Cells[0].Cases[1].Reason)
				}
				return
			}
			if len(specs) != 2 || strings.Join(specs[1].Command, " ") != "x --many app:app" || specs[1].Env["MANY"] != "1" {
				t.Errorf("containers: %+v", specs)
			}
		})
	}
}

// A case that is to be alone gets the server as it is, in a container of its own.
func TestAlone(t *testing.T) {
	p := asksFor(t, checkout(t, "", "s"), "b", plan.Alone, "")
	var specs []engine.Spec
	plain := site(nil)
	e := &enginetest.Engine{Servers: map[string]enginetest.Server{"s": func(c *enginetest.Cell) int {
		specs = append(specs, c.Spec) // one after the other
		return plain(c)
	}}}
	if got := outcomes(start(t, t.Context(), p, e, options(p))); got != "s pass: a pass, b pass, c pass" {
		t.Error(got)
	}
	if len(specs) != 2 || specs[1].Command != nil || !maps.Equal(specs[0].Env, specs[1].Env) {
		t.Errorf("containers: %+v", specs)
	}
}

// A set-up that does not start is an error of the cases that ask for it alone.
func TestSetupThatDoesNotStart(t *testing.T) {
	p := asksFor(t, checkout(t, "", "s"), "a", "many", "setups: {many: {command: [x, \"{app}\"]}}\n")
	plain := site(nil)
	e := &enginetest.Engine{Servers: map[string]enginetest.Server{"s": func(c *enginetest.Cell) int {
		if c.Spec.Command != nil {
			return 3
		}
		return plain(c)
	}}}
	out := start(t, t.Context(), p, e, options(p))
	if got, want := outcomes(out), "s error: a error, b pass, c pass"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if got := out.Cells[0].Reason; !strings.HasPrefix(got, "set-up many: ") || !strings.Contains(got, "exit code 3") {
		t.Errorf("reason %q", got)
	}
}

// TestBlame has one case fail in each of the ways that can be told apart.
func TestBlame(t *testing.T) {
	wrong := map[string]http.HandlerFunc{"/a": different}
	var first atomic.Bool
	once := map[string]http.HandlerFunc{"/a": func(w http.ResponseWriter, r *http.Request) {
		if first.CompareAndSwap(false, true) {
			different(w, r)
			return
		}
		w.Header().Set("Content-Type", "text/plain")
		_, _ = fmt.Fprintln(w, "a")
	}}
	for name, test := range map[string]struct {
		suspect, reference map[string]http.HandlerFunc
		plainFails         bool
		want               results.Verdict
	}{
		"flaky":  {once, nil, false, results.Flaky},
		"app":    {wrong, wrong, true, results.BlameApp},
		"server": {wrong, nil, true, results.BlameServer},
		"pair":   {wrong, nil, false, results.BlamePair},
	} {
		t.Run(name, func(t *testing.T) {
			first.Store(false)
			p := withPlainApp(t, checkout(t, "", "s", "wsgiref"))
			suspect, plain := site(test.suspect), site(nil)
			if test.plainFails {
				plain = site(wrong)
			}
			e := &enginetest.Engine{Servers: map[string]enginetest.Server{
				"s": func(c *enginetest.Cell) int {
					if c.Spec.App == "bare" {
						return plain(c)
					}
					return suspect(c)
				},
				"wsgiref": site(test.reference),
			}}
			opts := options(p)
			opts.Images.Apps["bare"] = "bare:1"
			out := start(t, t.Context(), p, e, opts)
			got := find(out, "s", "app").Cases[0].Blame
			if got == nil || got.Verdict != test.want || got.Says == "" {
				t.Errorf("%+v, want %s", got, test.want)
			}
		})
	}
}

// A server behind a proxy is held against itself without the proxy.
func TestBlameTheProxy(t *testing.T) {
	p := withPlainApp(t, checkout(t, "", "s", "wsgiref"))
	p.Servers[0].Behind = "wsgiref"
	e := &enginetest.Engine{Servers: map[string]enginetest.Server{"s": site(map[string]http.HandlerFunc{"/a": different}), "wsgiref": site(nil)}}
	opts := options(p)
	opts.Images.Apps["bare"] = "bare:1"
	out := start(t, t.Context(), p, e, opts)
	if got := find(out, "s", "app").Cases[0].Blame; got == nil || got.Verdict != results.BlameProxy {
		t.Errorf("%+v, want the proxy", got)
	}
}

func find(out *results.Run, server, app string) *results.Cell {
	for i := range out.Cells {
		if out.Cells[i].Server == server && out.Cells[i].App == app {
			return &out.Cells[i]
		}
	}
	return nil
}

// withPlainApp adds the app that has no framework, with the same cases.
func withPlainApp(t *testing.T, p *plan.Plan) *plan.Plan {
	t.Helper()
	if err := os.CopyFS(filepath.Join(p.Root, "apps/bare"), os.DirFS(filepath.Join(p.Root, "apps/app"))); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(p.Root, "matrix.yaml"), []byte("servers: [s, wsgiref]\napps: [app, bare]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	loaded, err := plan.Load(p.Root)
	if err != nil {
		t.Fatal(err)
	}
	return loaded
}

// TestMeasure finds the limits of a server that has some.
func TestMeasure(t *testing.T) {
	p := checkout(t, "", "s")
	contract := "sections: [{name: All, from: C1}]\nlines: {C1: {level: must, says: x, source: y}}\n"
	if err := os.WriteFile(filepath.Join(p.Root, "apps/app/contract.yaml"), []byte(contract), 0o600); err != nil {
		t.Fatal(err)
	}
	p = asksFor(t, p, "a", "one\nclause: C1", "setups: {one: {env: {A: b}}}\n")
	serve := site(map[string]http.HandlerFunc{"/sized": func(w http.ResponseWriter, r *http.Request) {
		if n, err := io.Copy(io.Discard, r.Body); err != nil || n > 1000 || len(r.URL.RawQuery) > 500 || len(r.Header["X-Pad"]) > 20 || len(r.Header.Get("X-Pad")) > 300 {
			w.WriteHeader(http.StatusRequestEntityTooLarge)
			return
		}
		_, _ = io.WriteString(w, "0 bytes are missing\n")
	}})
	out := start(t, t.Context(), p, &enginetest.Engine{Servers: map[string]enginetest.Server{"s": serve}}, options(p))
	want := results.Accepts{
		RequestLine: results.Bound{Most: len("GET /sized? HTTP/1.1") + 500}, Field: results.Bound{Most: len("X-Pad: ") + 300},
		Fields: results.Bound{Most: 22}, Body: results.Bound{Most: 1000},
	}
	if got := out.Servers[0].Accepts; got == nil || *got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

// quick are limits for servers that answer at once or never.
func quick() run.Limits {
	l := run.DefaultLimits()
	l.Startup, l.Probe, l.Exchange, l.Settle = time.Second, 200*time.Millisecond, 500*time.Millisecond, 50*time.Millisecond
	return l
}

func options(p *plan.Plan) run.Options {
	images := run.Images{Servers: map[string]string{}, Apps: map[string]string{"app": "app:1"}}
	for _, s := range p.Servers {
		images.Servers[s.Name] = s.Name + ":1"
	}
	day := time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
	return run.Options{ID: "test", Images: images, Jobs: 2, Limits: quick(), Today: day}
}

// start runs a plan on an engine and sees to it that nothing is left of it.
func start(t *testing.T, ctx context.Context, p *plan.Plan, e *enginetest.Engine, opts run.Options) *results.Run {
	t.Helper()
	out, err := run.Run(ctx, p, e, opts)
	if err != nil {
		t.Fatal(err)
	}
	if e.Left() != 0 {
		t.Errorf("%d cells are left", e.Left())
	}
	return out
}

// outcomes writes a run as text: server outcome: case outcome, …
func outcomes(out *results.Run) string {
	var lines []string
	for i := range out.Cells {
		c := &out.Cells[i]
		var cases []string
		for k := range c.Cases {
			cases = append(cases, c.Cases[k].Name+" "+c.Cases[k].Outcome.String())
		}
		lines = append(lines, fmt.Sprintf("%s %s: %s", c.Server, c.Outcome, strings.Join(cases, ", ")))
	}
	return strings.Join(lines, "\n")
}

func wantOutcomes(t *testing.T, out *results.Run, whole results.Outcome, lines ...string) {
	t.Helper()
	if got, want := outcomes(out), strings.Join(lines, "\n"); got != want {
		t.Errorf("outcomes:\n%s\nwant\n%s\n%+v", got, want, out.Problems)
	}
	if out.Outcome != whole {
		t.Errorf("the run is %s, want %s", out.Outcome, whole)
	}
}

func wantText(t *testing.T, what, got, want string) {
	t.Helper()
	if !strings.Contains(got, want) {
		t.Errorf("%s: %q, want in it %q", what, got, want)
	}
}

func TestEverythingPasses(t *testing.T) {
	p := checkout(t, "", "good", "better")
	e := &enginetest.Engine{Servers: map[string]enginetest.Server{"good": site(nil), "better": site(nil)}}
	out := start(t, t.Context(), p, e, options(p))
	wantOutcomes(t, out, results.Pass, "good pass: a pass, b pass, c pass", "better pass: a pass, b pass, c pass")
	if out.Partial != "" || len(out.Problems) > 0 || out.Finished.Before(out.Started) || out.Engine.Name != "in-process" {
		t.Errorf("run: %+v", out)
	}
	s, a, c := out.Servers[0], out.Apps[0], out.Cells[0]
	if s.Version != "1.2.3" || s.Python != "3.13.5" || s.Image != "good:1" || a.Version != "3.13.5" {
		t.Errorf("subjects: %+v, %+v", s, a)
	}
	if c.Start <= 0 || c.Seconds < c.Start || len(c.Log) > 0 || c.Repro != "bin/matrix run --server good --app app" {
		t.Errorf("cell: %+v", c)
	}
	if k := c.Cases[1]; k.File != "apps/app/cases/b.txtar" || k.Repro != "bin/matrix run --server good --app app --case b" || k.Seconds <= 0 {
		t.Errorf("case: %+v", k)
	}
}

func TestADifferenceFailsItsCaseAlone(t *testing.T) {
	p := checkout(t, "", "odd", "good")
	e := &enginetest.Engine{Servers: map[string]enginetest.Server{
		"good": site(nil),
		"odd": func(c *enginetest.Cell) int {
			_, _ = fmt.Fprint(c, "hello from the log")
			return site(map[string]http.HandlerFunc{"/b": different})(c)
		},
	}}
	out := start(t, t.Context(), p, e, options(p))
	wantOutcomes(t, out, results.Fail, "odd fail: a pass, b fail, c pass", "good pass: a pass, b pass, c pass")
	wantText(t, "log", string(out.Cells[0].Log), "hello from the log")
	if len(out.Cells[0].Cases[1].Exchanges) != 1 {
		t.Errorf("exchanges: %+v", out.Cells[0].Cases[1].Exchanges)
	}
}

func TestServersThatDoNotStart(t *testing.T) {
	p := checkout(t, "", "deaf", "ends", "absent", "good")
	e := &enginetest.Engine{Servers: map[string]enginetest.Server{
		"deaf": enginetest.Deaf(), "ends": enginetest.Exits(3, "ImportError: no app"), "good": site(nil),
	}}
	opts := options(p)
	out := start(t, t.Context(), p, e, opts)
	wantOutcomes(t, out, results.Error,
		"deaf error: a error, b error, c error", "ends error: a error, b error, c error",
		"absent error: a error, b error, c error", "good pass: a pass, b pass, c pass")
	wantText(t, "deaf", out.Cells[0].Reason, "did not answer within 1s")
	wantText(t, "ends", out.Cells[1].Reason, "ended before it answered: exit code 3")
	wantText(t, "log", string(out.Cells[1].Log), "ImportError")
	wantText(t, "absent", out.Cells[2].Reason, "no such image")
	if early := out.Cells[1].Seconds; early >= opts.Limits.Startup.Seconds() {
		t.Errorf("a server that ended was waited for: %.1f s", early)
	}
}

func TestAGatewayWithoutItsServerIsNotReady(t *testing.T) {
	p := checkout(t, "", "gateway")
	var mu sync.Mutex
	asked := 0
	hello := func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if asked++; asked < 4 {
			w.WriteHeader(http.StatusBadGateway)
		}
	}
	e := &enginetest.Engine{Servers: map[string]enginetest.Server{"gateway": site(map[string]http.HandlerFunc{"/hello": hello})}}
	out := start(t, t.Context(), p, e, options(p))
	wantOutcomes(t, out, results.Pass, "gateway pass: a pass, b pass, c pass")
	if asked != 4 {
		t.Errorf("it was asked %d times, want 4", asked)
	}
}

func TestAServerWithoutImageIsAnError(t *testing.T) {
	p := checkout(t, "", "unbuilt", "good")
	e := &enginetest.Engine{Servers: map[string]enginetest.Server{"unbuilt": site(nil), "good": site(nil)}}
	opts := options(p)
	delete(opts.Images.Servers, "unbuilt")
	out := start(t, t.Context(), p, e, opts)
	wantOutcomes(t, out, results.Error, "unbuilt error: a error, b error, c error", "good pass: a pass, b pass, c pass")
	wantText(t, "reason", out.Cells[0].Reason, "no image of server unbuilt")
	if e.Started() != 1 {
		t.Errorf("%d cells were started, want 1", e.Started())
	}
}

// A known divergence explains an answer, and no death.
func TestADeathIsNeverKnown(t *testing.T) {
	p := checkout(t, "known: [{case: app/b, reason: x, link: y, until: 2026-12-31}]\n", "mortal")
	die := func(_ http.ResponseWriter, r *http.Request) { enginetest.Crash(r, 9) }
	e := &enginetest.Engine{Servers: map[string]enginetest.Server{"mortal": site(map[string]http.HandlerFunc{"/b": die})}}
	wantOutcomes(t, start(t, t.Context(), p, e, options(p)), results.Error, "mortal error: a pass, b fail, c error")
}

func TestAServerThatDiesInMidRun(t *testing.T) {
	p := checkout(t, "", "mortal", "good")
	die := func(_ http.ResponseWriter, r *http.Request) { enginetest.Crash(r, 139) }
	e := &enginetest.Engine{Servers: map[string]enginetest.Server{"mortal": site(map[string]http.HandlerFunc{"/b": die}), "good": site(nil)}}
	out := start(t, t.Context(), p, e, options(p))
	wantOutcomes(t, out, results.Error, "mortal error: a pass, b fail, c error", "good pass: a pass, b pass, c pass")
	wantText(t, "b", out.Cells[0].Cases[1].Reason, "the server died: exit code 139")
	wantText(t, "c", out.Cells[0].Cases[2].Reason, "the server died in case b: exit code 139")
}

func TestAServerThatAnswersForever(t *testing.T) {
	p := checkout(t, "", "endless")
	drip := func(w http.ResponseWriter, r *http.Request) {
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				_, _ = w.Write([]byte("more "))
				w.(http.Flusher).Flush()
			case <-r.Context().Done():
				return
			}
		}
	}
	e := &enginetest.Engine{Servers: map[string]enginetest.Server{"endless": site(map[string]http.HandlerFunc{"/b": drip})}}
	out := start(t, t.Context(), p, e, options(p))
	wantOutcomes(t, out, results.Fail, "endless fail: a pass, b fail, c pass")
}

func TestTheTimeOfACellIsLimited(t *testing.T) {
	p := checkout(t, "", "slow")
	wait := func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	e := &enginetest.Engine{Servers: map[string]enginetest.Server{"slow": site(map[string]http.HandlerFunc{"/b": wait})}}
	opts := options(p)
	opts.Limits.Cell = 300 * time.Millisecond
	out := start(t, t.Context(), p, e, opts)
	wantOutcomes(t, out, results.Error, "slow error: a pass, b error, c error")
	wantText(t, "c", out.Cells[0].Cases[2].Reason, "the cell took longer than 300ms")
}

func TestAServerThatAnswersGarbage(t *testing.T) {
	p := checkout(t, "", "garbage")
	e := &enginetest.Engine{Servers: map[string]enginetest.Server{
		"garbage": enginetest.Raw(func(_ *enginetest.Cell, conn net.Conn) {
			_, _ = bufio.NewReader(conn).ReadString('\n')
			_, _ = conn.Write([]byte("\x16\x03\x01 what?\r\n\r\n"))
		}),
	}}
	out := start(t, t.Context(), p, e, options(p))
	wantOutcomes(t, out, results.Fail, "garbage fail: a fail, b fail, c fail")
}

// A run is cancelled while a server is silent.
func TestCtrlC(t *testing.T) {
	p := checkout(t, "", "silent", "waiting")
	asked := make(chan struct{}, 1)
	silent := func(_ http.ResponseWriter, r *http.Request) {
		asked <- struct{}{}
		<-r.Context().Done()
	}
	e := &enginetest.Engine{Servers: map[string]enginetest.Server{"silent": site(map[string]http.HandlerFunc{"/b": silent}), "waiting": site(nil)}}
	ctx, cancel := context.WithCancelCause(t.Context())
	var at time.Time
	go func() {
		<-asked
		at = time.Now()
		cancel(errors.New("interrupted"))
	}()
	opts := options(p)
	opts.Jobs = 1
	opts.Limits.Exchange = time.Minute
	out := start(t, ctx, p, e, opts)
	if took := time.Since(at); took > 2*time.Second {
		t.Errorf("it took %v to end", took)
	}
	wantOutcomes(t, out, results.Skip, "silent skip: a pass, b skip, c skip", "waiting skip: a skip, b skip, c skip")
	wantText(t, "partial", out.Partial, "interrupted; 5 of 6 cases were not run")
	wantText(t, "b", out.Cells[0].Cases[1].Reason, "stopped: interrupted")
}

func TestARunThatIsCancelledBeforeItBeganHasAReport(t *testing.T) {
	p := checkout(t, "", "good")
	e := &enginetest.Engine{Servers: map[string]enginetest.Server{"good": site(nil)}}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("interrupted"))
	out := start(t, ctx, p, e, options(p))
	wantOutcomes(t, out, results.Skip, "good skip: a skip, b skip, c skip")
	wantText(t, "partial", out.Partial, "interrupted; 3 of 3 cases were not run")
	if e.Started() != 0 {
		t.Errorf("%d cells were started", e.Started())
	}
}

// stuck is an engine that cannot remove anything.
type stuck struct{ engine.Engine }

type stuckInstance struct{ engine.Instance }

func (s stuck) Start(ctx context.Context, spec engine.Spec) (engine.Instance, error) {
	i, err := s.Engine.Start(ctx, spec)
	return stuckInstance{i}, err
}

func (s stuckInstance) Remove(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}

func TestCtrlCWithAnEngineThatHangs(t *testing.T) {
	p := checkout(t, "", "silent")
	ctx, cancel := context.WithCancelCause(t.Context())
	var at time.Time
	silent := func(_ http.ResponseWriter, r *http.Request) {
		at = time.Now()
		cancel(errors.New("interrupted"))
		<-r.Context().Done()
	}
	inner := &enginetest.Engine{Servers: map[string]enginetest.Server{"silent": site(map[string]http.HandlerFunc{"/a": silent})}}
	t.Cleanup(func() { _ = inner.Close(context.Background()) })
	opts := options(p)
	opts.Limits.Grace = 300 * time.Millisecond
	out, err := run.Run(ctx, p, stuck{inner}, opts)
	if err != nil {
		t.Fatal(err)
	}
	if took := time.Since(at); took > 2*time.Second {
		t.Errorf("it took %v to end", took)
	}
	if out.Partial == "" {
		t.Error("the run is not marked partial")
	}
}

func TestACellThatCannotBeRemovedIsAnError(t *testing.T) {
	p := checkout(t, "", "good")
	inner := &enginetest.Engine{Servers: map[string]enginetest.Server{"good": site(nil)}}
	t.Cleanup(func() { _ = inner.Close(context.Background()) })
	opts := options(p)
	opts.Limits.Remove = 100 * time.Millisecond
	out, err := run.Run(t.Context(), p, stuck{inner}, opts)
	if err != nil {
		t.Fatal(err)
	}
	wantOutcomes(t, out, results.Error, "good error: a pass, b pass, c pass")
	wantText(t, "reason", out.Cells[0].Reason, "it cannot be removed")
}

func TestFailFast(t *testing.T) {
	p := checkout(t, "", "odd", "good")
	e := &enginetest.Engine{Servers: map[string]enginetest.Server{"odd": site(map[string]http.HandlerFunc{"/b": different}), "good": site(nil)}}
	opts := options(p)
	opts.Jobs, opts.FailFast = 1, true
	out := start(t, t.Context(), p, e, opts)
	wantOutcomes(t, out, results.Fail, "odd fail: a pass, b fail, c skip", "good skip: a skip, b skip, c skip")
	wantText(t, "partial", out.Partial, "--fail-fast: stopped at the first failure; 4 of 6 cases were not run")
}

func TestFailFastLetsKnownDivergencesPass(t *testing.T) {
	p := checkout(t, "known: [{case: app/b, reason: x, link: y, until: 2026-12-31}]\n", "odd")
	e := &enginetest.Engine{Servers: map[string]enginetest.Server{"odd": site(map[string]http.HandlerFunc{"/b": different})}}
	opts := options(p)
	opts.FailFast = true
	out := start(t, t.Context(), p, e, opts)
	wantOutcomes(t, out, results.Known, "odd known: a pass, b known, c pass")
}

func TestKnownDivergences(t *testing.T) {
	tests := []struct {
		name, known string
		whole       results.Outcome
		cases       string
		reason      string // of case a
		problem     string
	}{
		{"differs", "[{case: \"*/b\", reason: x, link: y, until: 2026-12-31}]", results.Known, "odd known: a pass, b known, c pass", "", ""},
		{"passes again", "[{case: app/a, reason: x, link: y, until: 2026-12-31}, {case: app/b, reason: x, link: y, until: 2026-12-31}]",
			results.Fail, "odd fail: a fail, b known, c pass", "passes again: delete this entry at servers/odd/server.yaml:4", ""},
		{"passes again under a wide pattern", "[{case: \"app/[ab]\", reason: x, link: y, until: 2026-12-31}]",
			results.Fail, "odd fail: a fail, b known, c pass", `delete this entry, or narrow its pattern "app/[ab]" at servers/odd/server.yaml:4`, ""},
		{"passes sometimes", "[{case: \"app/[ab]\", reason: x, link: y, until: 2026-12-31, sometimes: true}]",
			results.Known, "odd known: a pass, b known, c pass", "", ""},
		{"matches nothing", "[{case: app/z, reason: x, link: y, until: 2026-12-31}, {case: app/b, reason: x, link: y, until: 2026-12-31}]",
			results.Fail, "odd known: a pass, b known, c pass", "", `server.yaml:4: the known divergence "app/z" matches no case`},
		{"by its difference", `[{case: "*/*", differs: "the body has ?? bytes, *", reason: x, link: y, until: 2026-12-31}]`,
			results.Known, "odd known: a pass, b known, c pass", "", ""},
		{"by a difference that is not met", `[{case: "*/*", differs: "the status is 500*", reason: z, link: y, until: 2026-12-31}, {case: app/b, reason: x, link: y, until: 2026-12-31}]`,
			results.Fail, "odd known: a pass, b known, c pass", "", `server.yaml:4: nothing differs any more as the known divergence "the status is 500*" says: delete it`},
		{"until today", "[{case: app/b, reason: x, link: y, until: 2026-06-01}]", results.Known, "odd known: a pass, b known, c pass", "", ""},
		{"until gone by", "[{case: app/b, reason: x, link: y, until: 2026-05-31}]",
			results.Fail, "odd known: a pass, b known, c pass", "", "was to be looked at again by 2026-05-31"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p := checkout(t, "known: "+test.known+"\n", "odd")
			e := &enginetest.Engine{Servers: map[string]enginetest.Server{"odd": site(map[string]http.HandlerFunc{"/b": different})}}
			out := start(t, t.Context(), p, e, options(p))
			wantOutcomes(t, out, test.whole, test.cases)
			wantText(t, "reason", out.Cells[0].Cases[0].Reason, test.reason)
			wantText(t, "problems", strings.Join(out.Problems, "\n"), test.problem)
			if test.problem == "" && len(out.Problems) > 0 {
				t.Errorf("problems: %q", out.Problems)
			}
			if k := out.Cells[0].Cases[1].Known; k == nil || k.Reason != "x" {
				t.Errorf("case b has lost its divergence: %+v", k)
			}
		})
	}
}

// One difference that no entry speaks of is enough.
func TestADifferenceIsExplainedOrNot(t *testing.T) {
	p := checkout(t, `known: [{case: "*/*", differs: "header X-More*", reason: x, link: y, until: 2026-12-31}]`+"\n", "odd")
	more := func(body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/plain")
			w.Header().Set("X-More", "1")
			_, _ = io.WriteString(w, body)
		}
	}
	e := &enginetest.Engine{Servers: map[string]enginetest.Server{"odd": site(map[string]http.HandlerFunc{"/a": more("a\n"), "/b": more("x\n")})}}
	out := start(t, t.Context(), p, e, options(p))
	wantOutcomes(t, out, results.Fail, "odd fail: a known, b fail, c pass")
}

// panicky is an engine with a fault.
type panicky struct{ engine.Engine }

func (p panicky) Start(ctx context.Context, spec engine.Spec) (engine.Instance, error) {
	if spec.Server == "bad" {
		panic("nil map")
	}
	return p.Engine.Start(ctx, spec)
}

func TestAPanicIsAnErrorOfItsCell(t *testing.T) {
	p := checkout(t, "", "bad", "good")
	e := &enginetest.Engine{Servers: map[string]enginetest.Server{"good": site(nil)}}
	out, err := run.Run(t.Context(), p, panicky{e}, options(p))
	if err != nil {
		t.Fatal(err)
	}
	wantOutcomes(t, out, results.Error, "bad error: a error, b error, c error", "good pass: a pass, b pass, c pass")
	wantText(t, "reason", out.Cells[0].Reason, "the runner panicked, please report it: nil map")
	wantText(t, "log", string(out.Cells[0].Log), "goroutine")
}

func TestAVersionThatCannotBeReadIsAProblem(t *testing.T) {
	p := checkout(t, "", "good", "better")
	e := &enginetest.Engine{
		Servers: map[string]enginetest.Server{"good": site(nil), "better": site(nil)},
		Exec: func(spec engine.Spec, argv []string) ([]byte, error) {
			if spec.Server == "good" && argv[0] == "python3" {
				return []byte("3.13.5\nno version\n"), nil
			}
			return []byte("3.13.5\nv 2.0.28-debian\n"), nil
		},
	}
	out := start(t, t.Context(), p, e, options(p))
	if out.Outcome != results.Error || len(out.Problems) != 1 {
		t.Fatalf("%s: %q", out.Outcome, out.Problems)
	}
	wantText(t, "problem", out.Problems[0], `servers/good/server.yaml: the version cannot be read: nothing like 1.2.3 is in what the version command prints: "no version"`)
	if out.Servers[1].Version != "2.0.28" {
		t.Errorf("version %q", out.Servers[1].Version)
	}
}

func TestJobsBoundTheCells(t *testing.T) {
	names := []string{"s1", "s2", "s3", "s4", "s5", "s6"}
	p := checkout(t, "", names...)
	e := &enginetest.Engine{Servers: map[string]enginetest.Server{}}
	for _, n := range names {
		e.Servers[n] = site(nil)
	}
	opts := options(p)
	opts.Jobs = 3
	out := start(t, t.Context(), p, e, opts)
	if out.Outcome != results.Pass || e.Most() > 3 {
		t.Errorf("%s with %d cells at once", out.Outcome, e.Most())
	}
}

// beginnings is a Progress that notes in which order cells begin.
type beginnings struct {
	notes
	servers []string
}

func (b *beginnings) Started(server, app string) {
	b.notes.Started(server, app)
	b.servers = append(b.servers, server)
}

func TestACellThatIsKnownToDifferIsBegunBeforeOthersOfItsLength(t *testing.T) {
	p := checkout(t, "known: [{case: app/b, reason: x, link: y, until: 2026-12-31}]\n", "quick", "slow")
	p.Cells[0].Server.Known = nil
	e := &enginetest.Engine{Servers: map[string]enginetest.Server{"quick": site(nil), "slow": site(map[string]http.HandlerFunc{"/b": different})}}
	opts, b := options(p), &beginnings{}
	opts.Jobs, opts.Progress = 1, b
	start(t, t.Context(), p, e, opts)
	if strings.Join(b.servers, " ") != "slow quick" {
		t.Errorf("begun: %v", b.servers)
	}
}

// notes is a Progress that nobody may enter twice at once.
type notes struct {
	started, cases, done int // written without a lock: the race detector tells
}

func (n *notes) Started(string, string)             { n.started++ }
func (n *notes) Case(string, string, *results.Case) { n.cases++ }
func (n *notes) Done(*results.Cell)                 { n.done++ }

func TestProgressIsToldOneThingAtATime(t *testing.T) {
	p := checkout(t, "", "good", "better")
	e := &enginetest.Engine{Servers: map[string]enginetest.Server{"good": site(nil), "better": site(nil)}}
	opts, n := options(p), &notes{}
	opts.Progress = n
	start(t, t.Context(), p, e, opts)
	if *n != (notes{2, 6, 2}) {
		t.Errorf("%+v", *n)
	}
}

func TestFloor(t *testing.T) {
	p := checkout(t, "", "good", "ends")
	e := &enginetest.Engine{Servers: map[string]enginetest.Server{"good": site(nil), "ends": enginetest.Exits(1, "")}}
	cells, total := run.Floor(t.Context(), p, e, options(p))
	if len(cells) != 2 || total <= 0 || e.Left() != 0 {
		t.Fatalf("%+v in %v, %d left", cells, total, e.Left())
	}
	if good := cells[0]; good.Err != nil || good.Listen <= 0 || good.Sum() > total {
		t.Errorf("%+v", good)
	}
	if cells[1].Err == nil {
		t.Error("a server that ends has no error")
	}
}

// TestToldServerMayEnd: a server that ends because it was told to has not died, and the other cases have
// one of their own.
func TestToldServerMayEnd(t *testing.T) {
	p := checkout(t, "", "s")
	file := filepath.Join(p.Root, "apps/app/cases/b.txtar")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	told := strings.Replace(string(text), "timeout:", "golden: wire\ntimeout:", 1) + "-- tell stop --\n-- ended 4 --\n"
	if err := os.WriteFile(file, []byte(told), 0o600); err != nil {
		t.Fatal(err)
	}
	if p, err = plan.Load(p.Root); err != nil {
		t.Fatal(err)
	}
	plain := site(nil)
	e := &enginetest.Engine{Servers: map[string]enginetest.Server{"s": func(c *enginetest.Cell) int {
		done := make(chan int, 1)
		go func() { done <- plain(c) }()
		select {
		case code := <-done:
			return code
		case name := <-c.Signals:
			if name == "SIGTERM" {
				return 4
			}
			return 5
		}
	}}}
	out := start(t, t.Context(), p, e, options(p))
	if got := outcomes(out); got != "s pass: a pass, b pass, c pass" || e.Started() != 2 {
		t.Errorf("%s; %d containers; b: %s", got, e.Started(), out.Cells[0].Cases[1].Reason)
	}
}
