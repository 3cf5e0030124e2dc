package finding

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"wsgimatrix/matrix/engine"
	"wsgimatrix/matrix/engine/enginetest"
	"wsgimatrix/matrix/plan"
	"wsgimatrix/matrix/run"
)

const root = "../.."

func whole(t *testing.T) (*plan.Plan, []*Finding) {
	t.Helper()
	p, err := plan.Load(root)
	if err != nil {
		t.Fatal(err)
	}
	all, err := Load(root)
	if err != nil {
		t.Fatal(err)
	}
	return p, all
}

// TestFindingsHold holds docs/findings against the known divergences, and its generated parts
// against what would be generated.
func TestFindingsHold(t *testing.T) {
	p, all := whole(t)
	for _, err := range Check(p, all) {
		t.Error(err)
	}
	written, err := Generate(p, all)
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range written {
		if w.Stale() {
			t.Errorf("%s is out of date: bin/matrix findings --write", w.File)
		}
	}
	for _, f := range all {
		for _, x := range f.Exchanges {
			if x.Got == "" || x.Expected == "" || x.Got == x.Expected {
				t.Errorf("%s:%d: expected and got are empty, or the same", f.File, x.Line)
			}
		}
	}
}

func TestCheckSeesWhatIsMissingAndWhatIsIdle(t *testing.T) {
	p, all := whole(t)
	i := slices.IndexFunc(all, func(f *Finding) bool { return f.Name == "uwsgi/c26-read-zero" })
	if i < 0 {
		t.Fatal("uwsgi/c26-read-zero is gone: choose another")
	}
	without := slices.Delete(slices.Clone(all), i, i+1)
	if mistakes := Check(p, without); !told(mistakes, "servers/uwsgi/server.yaml", "uwsgi breaks a MUST in probe/c26-read-zero") {
		t.Errorf("a known MUST without a finding is not seen: %v", mistakes)
	}
	idle := *all[i]
	idle.Cases = map[string][]string{"uwsgi": {"probe/c26-read-zero", "probe/c26-once"}}
	if mistakes := Check(p, append(without, &idle)); !told(mistakes, idle.File, `"probe/c26-once"`) {
		t.Errorf("a case that is not red is not seen: %v", mistakes)
	}
}

func told(mistakes []error, words ...string) bool {
	return slices.ContainsFunc(mistakes, func(err error) bool {
		return !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(err.Error(), w) })
	})
}

const sample = "---\nproject: good\nversion: Good 1\nclause: C1\nlink: https://example.com\nsource: good.py\nupstream: none found\nserver: good\n" +
	"cases:\n  good: [\"probe/c1\"]\n---\n\n# Wrong\n\n" +
	"```python app.py\ndef app(): pass\n```\n\n```bash server\ngood app:app\n```\n\n" +
	"```bash sent\nprintf 'GET /%%41\\x00 %03d\\r\\n' 0 | nc -q 2 127.0.0.1 8000\n```\n\n```text expected\n```\n\n```text got\n```\n"

func TestParseNamesTheLineAndTheMend(t *testing.T) {
	good := filepath.Join("docs", "good", "c1.md")
	if _, err := parse(good, []byte(sample)); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ old, new, says string }{
		"no head":         {"---\n", "", "c1.md:1: a finding begins with its front matter"},
		"an unknown key":  {"clause:", "clauses:", "field clauses not found"},
		"no clause":       {"clause: C1\n", "", "the front matter lacks clause"},
		"no issue":        {"none found", "none", `upstream is "none": write OWNER/REPO#N`},
		"another project": {"project: good", "project: bad", "the project is bad"},
		"no cases":        {"  good: [", "  bad: [", "cases names none of good"},
		"no application":  {"python app.py", "python", "the application is missing"},
		"no command":      {"bash server", "bash", "the command is missing"},
		"no nc":           {"nc -q 2", "nc", "c1.md:24: what is sent must be one line"},
		"an escape":       {`\x00`, `\q`, `c1.md:24: "\\q" is none of`},
		"no got":          {"text got", "text", "c1.md:24: behind what is sent stand a block"},
	} {
		_, err := parse(good, []byte(strings.Replace(sample, c.old, c.new, 1)))
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %q", name, err, c.says)
		}
	}
}

func TestTheVersionInServerMayChange(t *testing.T) {
	f := &Finding{File: "c1.md", Exchanges: []Exchange{{
		Expected: `Server: ours/0.1.0\r\n` + "\n", Got: `server: Good/2.4.68 (Debian) mod_x/5.0.2\r\n` + "\n" + `X: a/1\r\n` + "\n",
	}}}
	for got, differences := range map[string]int{
		`server: Good/2.4.71 (Debian) mod_x/5.0.2\r\n` + "\n" + `X: a/1\r\n` + "\n":   0,
		`server: Better/2.4.68 (Debian) mod_x/5.0.2\r\n` + "\n" + `X: a/1\r\n` + "\n": 1,
		`server: Good/2.4.68 (Debian) mod_x/5.0.2\r\n` + "\n" + `X: a/2\r\n` + "\n":   1,
	} {
		came := Replayed{Expected: []string{`Server: ours/0.2.0\r\n` + "\n"}, Got: []string{got}}
		if different := f.Differences(came); len(different) != differences {
			t.Errorf("%q: %q", got, different)
		}
	}
}

func TestIssuesUpstreamAreLinks(t *testing.T) {
	for upstream, want := range map[string]string{
		"none found":     "| none found |",
		"a/b-c#1, d/e#2": "| [a/b-c#1](https://github.com/a/b-c/issues/1), [d/e#2](https://github.com/d/e/issues/2) |",
	} {
		f, err := parse(filepath.Join("docs", "good", "c1.md"), []byte(strings.Replace(sample, "none found", "\""+upstream+"\"", 1)))
		if err != nil {
			t.Fatal(err)
		}
		if table := Index([]*Finding{f}); !strings.Contains(table, want) {
			t.Errorf("%s\nlacks %s", table, want)
		}
	}
}

func TestEachBrokenFileIsNamed(t *testing.T) {
	root := t.TempDir()
	folder := filepath.Join(root, Folder, "good")
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"c1.md": sample, "c2.md": "no head", "c3.md": strings.Replace(sample, "source: good.py", "source: good.py (a: b)", 1),
	} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	_, err := Load(root)
	if err == nil || !strings.Contains(err.Error(), "c2.md:1: a finding begins") || !strings.Contains(err.Error(), "c3.md:1: the front matter") {
		t.Errorf("%v, want both files", err)
	}
}

func TestBytesAreThoseOfPrintf(t *testing.T) {
	f, err := parse(filepath.Join("docs", "good", "c1.md"), []byte(sample))
	if err != nil {
		t.Fatal(err)
	}
	data, err := f.Exchanges[0].Bytes()
	if want := "GET /%41\x00 000\r\n"; err != nil || string(data) != want {
		t.Errorf("%q, %v, want %q", data, err, want)
	}
}

func TestTranscriptShowsEveryByte(t *testing.T) {
	got := Transcript([]byte("a\tb\\\r\nDate: Tue, 15 Nov 1994 08:12:31 GMT\r\n\xff\x00from 172.17.0.1 or 192.168.5.6, a container called 8b1f416e790a"), true)
	want := `a\tb\\\r\n` + "\n" + `Date: {date}\r\n` + "\n" + `\xff\x00from {address} or {address}, a container called {host}` + "\n" + closes + "\n"
	if got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got := Transcript(nil, false); got != stays+"\n" {
		t.Errorf("%q", got)
	}
}

// TestReplay has servers within the process: the one that the finding is about, and ours.
func TestReplay(t *testing.T) {
	file := filepath.Join(t.TempDir(), "good", "c1.md")
	if err := os.Mkdir(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(sample), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := Read(file)
	if err != nil {
		t.Fatal(err)
	}
	r := &Replayer{Engine: &enginetest.Engine{Servers: map[string]enginetest.Server{"good": says("wrong\n"), Ours: says("right\r\n")}}, Plan: &plan.Plan{
		Servers: []*plan.Server{{Name: "good", Port: 8000}, {Name: Ours, Port: 8000}}, Apps: []*plan.App{{Name: "bare"}},
	}, Images: run.Images{Servers: map[string]string{"good": "image", Ours: "image"}, Apps: map[string]string{"bare": "image"}}}
	came, different, err := r.Compare(t.Context(), f)
	if err != nil {
		t.Fatal(err)
	}
	if len(different) != 2 {
		t.Errorf("blocks that show nothing: %q", different)
	}
	if err := f.Record(came); err != nil {
		t.Fatal(err)
	}
	if f, err = Read(file); err != nil {
		t.Fatal(err)
	}
	if x := f.Exchanges[0]; x.Expected != "right\\r\\n\n"+closes+"\n" || x.Got != "wrong\\n\n"+closes+"\n" {
		t.Errorf("recorded: %q and %q", x.Expected, x.Got)
	}
	if different := f.Differences(came); len(different) != 0 {
		t.Errorf("differs from what was recorded: %q", different)
	}
	f.Exchanges[0].Got = "right\\r\\n\n" + closes + "\n"
	engine, ok := r.Engine.(*enginetest.Engine)
	before := engine.Started()
	if _, different, err = r.Compare(t.Context(), f); err != nil || len(different) != 1 || !ok || engine.Started()-before != 2*tries {
		t.Errorf("a server that answers otherwise: %q, %v, %d started", different, err, engine.Started()-before)
	}
}

// says sends a line to every client and closes.
func says(line string) enginetest.Server {
	return enginetest.Raw(func(_ *enginetest.Cell, conn net.Conn) {
		_, _ = conn.Write([]byte(line)) // the client sees what is missing
	})
}

func TestReplayStartsTheFindingsFiles(t *testing.T) {
	_, all := whole(t)
	r := &Replayer{Plan: &plan.Plan{Servers: []*plan.Server{{Name: all[0].Server, Port: 8000}}, Apps: []*plan.App{{Name: "bare"}}}}
	r.Images = run.Images{Servers: map[string]string{all[0].Server: "image"}, Apps: map[string]string{"bare": "image"}}
	var spec engine.Spec
	spec, err := r.spec(all[0], all[0].Server, all[0].Command)
	if err != nil || spec.Env["FINDING app.py"] != all[0].Files["app.py"] || !strings.HasSuffix(spec.Command[2], "exec "+all[0].Command) {
		t.Errorf("%+v, %v", spec, err)
	}
	if _, err := r.on(context.Background(), all[0], "nobody", "nobody"); err == nil || !strings.Contains(err.Error(), "no server nobody") {
		t.Errorf("a server that does not exist: %v", err)
	}
}
