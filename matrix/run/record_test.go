package run_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"wsgimatrix/matrix/engine"
	"wsgimatrix/matrix/engine/enginetest"
	"wsgimatrix/matrix/record"
	"wsgimatrix/matrix/results"
)

// pen writes the record that the recorder would write: a call for each request.
type pen struct {
	mu    sync.Mutex
	lines strings.Builder
	looks int
}

func (p *pen) handler(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now().UnixNano()
	id := fmt.Sprintf("1-%d", now)
	fmt.Fprintf(&p.lines, `{"id":%q,"t":%d,"e":"call","environ":{"PATH_INFO":%q,"REQUEST_METHOD":%q}}`+"\n", id, now, r.URL.Path, r.Method)
	fmt.Fprintf(&p.lines, `{"id":%q,"t":%d,"e":"end"}`+"\n", id, now)
	w.Header().Set("Content-Type", "text/plain")
	_, _ = fmt.Fprintf(w, "%s\n", strings.TrimPrefix(r.URL.Path, "/"))
}

// exec answers the commands in a cell: the record, and versions.
func (p *pen) exec(_ engine.Spec, argv []string) ([]byte, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if strings.Contains(strings.Join(argv, " "), record.File) {
		p.looks++
		return []byte(p.lines.String()), nil
	}
	return []byte("3.13.5\n1.2.3\n"), nil
}

func TestCallsAreJoinedToTheirCases(t *testing.T) {
	var p pen
	paths := map[string]http.HandlerFunc{"/a": p.handler, "/b": p.handler, "/c": p.handler}
	var specs []engine.Spec
	e := &enginetest.Engine{Servers: map[string]enginetest.Server{"good": func(c *enginetest.Cell) int {
		specs = append(specs, c.Spec)
		return site(paths)(c)
	}}, Exec: p.exec}
	plan := checkout(t, "", "good")
	opts := options(plan)
	opts.Record = true
	out := start(t, t.Context(), plan, e, opts)
	wantOutcomes(t, out, results.Pass, "good pass: a pass, b pass, c pass")
	for _, c := range out.Cells[0].Cases {
		if c.Recorded == nil || len(c.Recorded.Calls) != 1 || c.Recorded.Calls[0].Environ["PATH_INFO"] != "/"+c.Name {
			t.Errorf("%s: %+v, want its own call", c.Name, c.Recorded)
		}
	}
	if s := specs[0]; s.Callable != record.Callable || s.Env[record.Variable] != "app:app" || !strings.HasSuffix(s.Env["PYTHONPATH"], ":"+record.Folder) {
		t.Errorf("callable %q, environment %v", s.Callable, s.Env)
	}
	if p.looks != 1 {
		t.Errorf("the record was read %d times, though every call had ended", p.looks)
	}
}

func TestARecordThatCannotBeReadIsAnError(t *testing.T) {
	var p pen
	p.lines.WriteString("nonsense\n")
	e := &enginetest.Engine{Servers: map[string]enginetest.Server{"good": site(nil)}, Exec: p.exec}
	plan := checkout(t, "", "good")
	opts := options(plan)
	opts.Record = true
	out := start(t, t.Context(), plan, e, opts)
	wantOutcomes(t, out, results.Error, "good error: a pass, b pass, c pass")
	wantText(t, "reason", out.Cells[0].Reason, "the record of the recorder cannot be read: record: line 1")
}

func TestNothingIsRecordedUnasked(t *testing.T) {
	var p pen
	e := &enginetest.Engine{Servers: map[string]enginetest.Server{"good": site(nil)}, Exec: p.exec}
	plan := checkout(t, "", "good")
	out := start(t, t.Context(), plan, e, options(plan))
	if p.looks != 0 || out.Cells[0].Cases[0].Recorded != nil {
		t.Errorf("looked %d times, %+v", p.looks, out.Cells[0].Cases[0].Recorded)
	}
}

// TestTheRunnersOwnRequestsAreNoCalls has a case fail, after which the runner asks whether the server lives.
func TestTheRunnersOwnRequestsAreNoCalls(t *testing.T) {
	var p pen
	e := &enginetest.Engine{Servers: map[string]enginetest.Server{"odd": enginetest.HTTP(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/b" {
			r.URL.Path = "/other"
		}
		p.handler(w, r)
	}))}, Exec: p.exec}
	plan := checkout(t, "", "odd")
	opts := options(plan)
	opts.Record = true
	out := start(t, t.Context(), plan, e, opts)
	if out.Cells[0].Outcome != results.Fail {
		t.Fatalf("%s, want a case that fails", out.Cells[0].Outcome)
	}
	if requests := strings.Count(p.lines.String(), `"e":"call"`); requests <= 4 { // one for the start, and three cases
		t.Errorf("%d requests: the runner asked nothing of its own, so nothing is shown here", requests)
	}
	for _, c := range out.Cells[0].Cases {
		if c.Recorded == nil || len(c.Recorded.Calls) != 1 {
			t.Errorf("%s: %+v, want one call", c.Name, c.Recorded)
		}
	}
}
