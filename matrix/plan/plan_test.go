package plan

import (
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/tools/txtar"

	"wsgimatrix/matrix/results"
)

// A checkout that has nothing wrong; each test changes files of it.
const sound = `
-- matrix.yaml --
servers: [gunicorn, "w*"]
apps: ["*"]
exclude:
  - {server: wsgiref, app: flask, reason: too slow}
-- servers/internal/http1/doc.go --
package http1
-- servers/gunicorn/server.yaml --
title: Gunicorn
model: pre-fork
packages: [gunicorn, uwsgi=2.0-1, golang-1.27/trixie-backports]
command: [gunicorn, "{app}"]
port: 8000
version: [gunicorn, --version]
stop: SIGINT
env: {A: server, B: server}
known:
  - case: "*/hello"
    reason: says goodbye
    clause: C86
    link: https://example.org/1
    until: 2027-06-30
-- servers/wsgiref/server.yaml --
command: [python3, /server/serve.py, "{app}"]
port: 8000
version: [python3, --version]
-- servers/waitress/server.yaml --
command: [waitress-serve, "{app}"]
port: 8000
version: [waitress-serve, --version]
from: ours
-- apps/bare/app.yaml --
title: Bare
env: {B: app}
-- apps/bare/cases/hello.txtar --
Says hello
clause: C1, PEP 3333

-- send --
GET /hello HTTP/1.1
Host: matrix.test

-- expect --
200 OK

hello
-- apps/flask/app.yaml --
packages: [python3-flask]
callable: site.app:make
-- apps/flask/cases/hello.txtar --
Says hello

-- send --
GET /hello HTTP/1.1
Host: matrix.test

-- expect --
200 OK

hello
-- apps/flask/cases/bye.txtar --
Says goodbye

-- send --
GET /bye HTTP/1.1
Host: matrix.test

-- expect --
200 OK

bye
`

// nested reads the archive: its cases are archives too, so that a file begins only where a
// marker names a path.
func nested(t *testing.T, text string) map[string]string {
	t.Helper()
	files := map[string]string{}
	for _, f := range txtar.Parse([]byte(text)).Files {
		if strings.ContainsAny(f.Name, "/.") {
			files[f.Name] = string(f.Data)
			continue
		}
		last := ""
		for name := range files {
			if strings.HasSuffix(name, ".txtar") && (last == "" || strings.Index(text, "-- "+name) > strings.Index(text, "-- "+last)) {
				last = name
			}
		}
		files[last] += "-- " + f.Name + " --\n" + string(f.Data)
	}
	return files
}

// checkout writes a sound checkout with changes and goes there. A change to nothing removes the file.
func checkout(t *testing.T, changes map[string]string) {
	t.Helper()
	t.Chdir(t.TempDir())
	files := nested(t, sound)
	maps.Copy(files, changes)
	for name, text := range files {
		if text == "" {
			continue
		}
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func load(t *testing.T, changes map[string]string) *Plan {
	t.Helper()
	checkout(t, changes)
	p, err := Load(".")
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func cellNames(p *Plan) []string {
	var names []string
	for _, c := range p.Cells {
		names = append(names, c.Server.Name+" "+c.App.Name+" "+strings.Join(c.Names(), ","))
	}
	return names
}

func TestLoadOrdersCells(t *testing.T) {
	p := load(t, nil)
	want := []string{
		"gunicorn bare hello", "gunicorn flask bye,hello",
		"waitress bare hello", "waitress flask bye,hello",
		"wsgiref bare hello",
	}
	if got := cellNames(p); !slices.Equal(got, want) {
		t.Errorf("cells:\n%q, want\n%q", got, want)
	}
	if want := (Exclusion{"wsgiref", "flask", "too slow"}); len(p.Excluded) != 1 || p.Excluded[0] != want {
		t.Errorf("excluded: %v, want %v", p.Excluded, want)
	}
	if p.Count() != 7 {
		t.Errorf("%d cases, want 7", p.Count())
	}
}

func TestLoadReadsEveryField(t *testing.T) {
	p := load(t, nil)
	s, a := p.Servers[0], p.Apps[1]
	if s.Title != "Gunicorn" || s.Model != "pre-fork" || s.Port != 8000 || s.From != "base" || s.Ours || s.Stop != "SIGINT" {
		t.Errorf("server: %+v", s)
	}
	if len(s.Packages) != 3 || s.Command[1] != "{app}" || s.Version[1] != "--version" || s.Dir != "servers/gunicorn" {
		t.Errorf("server: %+v", s)
	}
	k := s.Known[0]
	if k.Case != "*/hello" || k.Reason != "says goodbye" || k.Clause != "C86" || k.Until != "2027-06-30" || k.At() != "servers/gunicorn/server.yaml:10" {
		t.Errorf("known: %+v at %s", k, k.At())
	}
	if !p.Servers[1].Ours || p.Servers[1].Stop != "SIGTERM" || p.Servers[1].Title != "waitress" {
		t.Errorf("server: %+v", p.Servers[1])
	}
	if a.Callable != "site.app:make" || a.Packages[0] != "python3-flask" || p.Apps[0].Callable != "app:app" {
		t.Errorf("apps: %+v %+v", p.Apps[0], a)
	}
	want := map[string]string{"A": "server", "B": "app"}
	if got := p.Cells[0].Environment(); !maps.Equal(got, want) {
		t.Errorf("environment: %v, want %v", got, want)
	}
}

const goodServer = "command: [x, \"{app}\"]\nport: 80\nversion: [x]\n"

const (
	contractYAML = "apps/bare/contract.yaml"
	oneLine      = "sections: [{name: All, from: C1}]\nlines:\n  C1: {level: must, says: x, source: y}\n"
)

func TestContract(t *testing.T) {
	checkout(t, map[string]string{contractYAML: oneLine + "features: [{name: greeting, cases: [\"h*\"]}]\n"})
	p, err := Load(".")
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(p.Apps, func(a *App) bool { return a.Contract != nil })
	if i < 0 || p.Apps[i].Name != "bare" {
		t.Fatalf("the contract is app %d's", i)
	}
	got := p.Apps[i].Contract
	want := &results.Contract{
		App:      "bare",
		Sections: []results.Section{{Name: "All", Lines: []results.Line{{ID: "C1", Level: "must", Says: "x", Source: "y"}}}},
		Features: []results.Feature{{Name: "greeting", Cases: []string{"hello"}}},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
}

func TestMistakes(t *testing.T) {
	const matrixFile, server, app = "matrix.yaml", "servers/gunicorn/server.yaml", "apps/bare/app.yaml"
	tests := []struct {
		name, file, text string
		want             []string
	}{
		{"unknown server", matrixFile, "servers:\n  - wsgiref\n  - gunicron\napps: [bare]\n", []string{`matrix.yaml:3: no server "gunicron"; did you mean "gunicorn"?`}},
		{"unknown app", matrixFile, "servers: [wsgiref]\napps: [django]\n", []string{`matrix.yaml:2: no app "django"; there is bare, flask`}},
		{"glob for nothing", matrixFile, "servers: [\"z*\"]\napps: [bare]\n", []string{`matrix.yaml:1: no server matches "z*"; there is gunicorn, waitress, wsgiref`}},
		{"broken glob", matrixFile, "servers: [\"z[\"]\napps: [bare]\n", []string{`matrix.yaml:1: "z[" is no pattern`}},
		{"internal is no server", matrixFile, "servers: [internal]\napps: [bare]\n", []string{`matrix.yaml:1: no server "internal"`}},
		{"listed twice", matrixFile, "servers: [wsgiref,\n wsgiref]\napps: [bare]\n", []string{`matrix.yaml:2: server "wsgiref" is listed twice: line 1 has it`}},
		{"unknown key", matrixFile, "server: [wsgiref]\napps: [bare]\n", []string{`matrix.yaml:1: unknown key "server" in matrix.yaml; did you mean "servers"?`, `matrix.yaml:1: matrix.yaml has no "servers"`}},
		{"key twice", matrixFile, "servers: [wsgiref]\napps: [bare]\napps: [bare]\n", []string{`matrix.yaml:3: "apps" was given on line 2 already`}},
		{"not a list", matrixFile, "servers: wsgiref\napps: [bare]\n", []string{`matrix.yaml:1: servers must be a list, not the text "wsgiref"`}},
		{"not a mapping", matrixFile, "- servers\n", []string{"matrix.yaml:1: matrix.yaml must be a mapping (key: value), not a list"}},
		{"empty list", matrixFile, "servers: []\napps: [bare]\n", []string{`matrix.yaml:1: servers is empty: name at least one server, or "*"`}},
		{"empty file", matrixFile, "# nothing\n", []string{"matrix.yaml:1: the file is empty"}},
		{"no YAML", matrixFile, "servers: [wsgiref]\napps: [bare\n", []string{"matrix.yaml:", "not YAML: did not find expected"}},
		{"two documents", matrixFile, "servers: [wsgiref]\napps: [bare]\n---\na: b\n", []string{"matrix.yaml:3: a second document begins here"}},
		{"exclusion of nothing", matrixFile, "exclude:\n- {server: wsgirf, app: bare, reason: x}\nservers: [wsgiref]\napps: [bare]\n", []string{`matrix.yaml:2: the exclusion is of no server in this matrix: "wsgirf"; did you mean "wsgiref"?`}},
		{"exclusion without reason", matrixFile, "servers: [wsgiref]\napps: [bare]\nexclude:\n- {server: wsgiref, app: bare}\n", []string{`matrix.yaml:4: an exclusion has no "reason"`}},

		{"type error", server, "command: [x, \"{app}\"]\nport: many\nversion: [x]\n", []string{`servers/gunicorn/server.yaml:2: port must be a number, not the text "many"`}},
		{"bad port", server, "command: [x, \"{app}\"]\nport: 70000\nversion: [x]\n", []string{"servers/gunicorn/server.yaml:2: port must be from 1 to 65535, not 70000"}},
		{"a number for text", server, "command: [x, -w, 2, \"{app}\"]\nport: 80\nversion: [x]\n", []string{`server.yaml:1: an item of command must be text, not the number 2: write "2" with the quotes`}},
		{"missing command", server, "port: 80\nversion: [x]\n", []string{`servers/gunicorn/server.yaml:1: server.yaml has no "command"`}},
		{"no {app}", server, "command: [x, app]\nport: 80\nversion: [x]\n", []string{`server.yaml:1: command has no argument "{app}"`}},
		{"bad signal", server, goodServer + "stop: SIGTREM\n", []string{`server.yaml:4: stop cannot be "SIGTREM"; did you mean "SIGTERM"?`}},
		{"bad from", server, goodServer + "from: our\n", []string{`server.yaml:4: from cannot be "our"; did you mean "ours"?`}},
		{"bad package", server, goodServer + "packages: [\"a; reboot\"]\n", []string{`server.yaml:4: "a; reboot" is no name of a Debian package`}},
		{"empty title", server, goodServer + "title:\n", []string{"server.yaml:4: title is empty"}},
		{"bad variable", server, goodServer + "env: {A-B: c}\n", []string{`server.yaml:4: "A-B" is no name of an environment variable`}},
		{"until no date", server, goodServer + "known:\n- case: \"*/x\"\n  reason: x\n  until: June\n", []string{`server.yaml:7: until must be a date such as 2027-06-30, not the text "June"`}},
		{"empty reason", server, goodServer + "known:\n- case: \"*/x\"\n  reason: \"\"\n  until: 2027-01-01\n", []string{"server.yaml:6: reason is empty"}},
		{"no reason", server, goodServer + "known:\n- case: \"*/x\"\n  until: 2027-01-01\n", []string{`server.yaml:5: a known divergence has no "reason"`}},
		{"pattern without app", server, goodServer + "known:\n- {case: hello, reason: x, link: y, until: 2027-01-01}\n", []string{`server.yaml:5: case "hello" is not of the form APP/CASE`}},
		{"unknown key of known", server, goodServer + "known:\n- {case: a/b, reason: x, link: y, until: 2027-01-01, untill: x}\n", []string{`server.yaml:5: unknown key "untill" in a known divergence; did you mean "until"?`}},
		{"sometimes by difference", server, goodServer + "known:\n- {case: a/b, differs: x, reason: x, link: y, until: 2027-01-01, sometimes: true}\n", []string{`server.yaml:5: sometimes goes without differs`}},
		{"sometimes perhaps", server, goodServer + "known:\n- {case: a/b, reason: x, link: y, until: 2027-01-01, sometimes: maybe}\n", []string{`server.yaml:5: sometimes must be true or false, not the text "maybe"`}},
		{"known is a mapping", server, goodServer + "known: {a: b}\n", []string{"server.yaml:4: known must be a list, not a mapping"}},

		{"bad callable", app, "title: x\ncallable: app\n", []string{`apps/bare/app.yaml:1: callable "app" is not of the form module:callable`}},
		{"app is a list", app, "- x\n", []string{"apps/bare/app.yaml:1: app.yaml must be a mapping"}},
		{"bad case", "apps/bare/cases/hello.txtar", "Title\nlevell: must\n", []string{"apps/bare/cases/hello.txtar:2: "}},
		{"no cases", "apps/bare/cases/hello.txtar", "", []string{"cases"}},
		{"contract of a line without a case", contractYAML, oneLine + "  C2: {level: must, says: x, source: y}\n", []string{`apps/bare/contract.yaml:4: C2 has no case`}},
		{"contract lacks a line that is cited", contractYAML, strings.ReplaceAll(oneLine, "C1", "C7"), []string{`hello.txtar:1: C1 is no line of apps/bare/contract.yaml`}},
		{"contract with a bad level", contractYAML, strings.Replace(oneLine, "must", "shall", 1), []string{`contract.yaml:3: level cannot be "shall"; there is may, must, policy, should`}},
		{"contract with no number", contractYAML, strings.ReplaceAll(oneLine, "C1", "first"), []string{`contract.yaml:3: "first" is no number of a line: write C51`}},
		{"contract whose section begins nowhere", contractYAML, strings.Replace(oneLine, "from: C1", "from: C9", 1), []string{`contract.yaml:1: the section begins at "C9", which is no line`, "C1 stands before the first section"}},
		{"feature that nothing shows", contractYAML, oneLine + "features: [{name: x, cases: [hallo]}]\n", []string{`contract.yaml:4: no case matches "hallo"`}},
		{"behind nothing", server, goodServer + "behind: waitres\n", []string{`server.yaml:4: behind: no server "waitres"; did you mean "waitress"?`}},
		{"a set-up that nobody asks for", server, goodServer + "setups: {many: {env: {A: b}}}\n", []string{`servers/gunicorn/server.yaml:4: no case asks for the set-up "many"; there is none`}},
		{"an empty set-up", server, goodServer + "setups:\n  many: {}\n", []string{"server.yaml:5: set-up many is empty: give its command or env, or say why the server cannot"}},
		{"a set-up that can and cannot", server, goodServer + "setups:\n  many: {cannot: no, env: {A: b}}\n", []string{"server.yaml:5: set-up many has a command or env, and says that it cannot"}},
		{"a set-up without {app}", server, goodServer + "setups:\n  many: {command: [x, y]}\n", []string{`server.yaml:5: command has no argument "{app}"`}},
		{"a set-up with a bad name", server, goodServer + "setups: {Many: {cannot: x}}\n", []string{`server.yaml:4: "Many" is no name of a set-up`}},
		{"a set-up that every server has", server, goodServer + "setups: {alone: {cannot: x}}\n", []string{"server.yaml:4: set-up alone is every server as it is: delete it"}},
		{"told by nothing", server, goodServer + "tell:\n  reload: {}\n", []string{"server.yaml:5: tell.reload: give one of signal, command and cannot"}},
		{"told in two ways", server, goodServer + "tell:\n  reload: {signal: SIGHUP, cannot: x}\n", []string{"server.yaml:5: tell.reload: give one of signal, command and cannot"}},
		{"told what", server, goodServer + "tell:\n  relaod: {signal: SIGHUP}\n", []string{`server.yaml:5: unknown key "relaod" in tell; did you mean "reload"?`}},
		{"told by no signal", server, goodServer + "tell:\n  reload: {signal: HUP}\n", []string{`server.yaml:5: signal cannot be "HUP"; there is SIGHUP, `}},
		{"cannot stop", server, goodServer + "tell:\n  stop: {cannot: x}\n", []string{"server.yaml:5: tell.stop: every server can be told to stop"}},
		{"a worker killed by a command", server, goodServer + "tell:\n  kill-worker: {command: [x]}\n", []string{"server.yaml:5: tell.kill-worker: the case knows the worker's process number"}},
		{"bad folder", "servers/wsgi_/server.yaml", goodServer, []string{`servers/wsgi_/server.yaml:1: the folder's name "wsgi_" names images too`}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			checkout(t, map[string]string{test.file: test.text})
			_, err := Load(".")
			if err == nil {
				t.Fatal("no error")
			}
			for _, want := range test.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error:\n%v\nwant in it:\n%s", err, want)
				}
			}
		})
	}
}

func TestEveryMistakeIsReportedAtOnce(t *testing.T) {
	checkout(t, map[string]string{
		"servers/gunicorn/server.yaml": "port: x\n",
		"apps/bare/app.yaml":           "callable: x\n",
	})
	_, err := Load(".")
	for _, want := range []string{"port must be", `no "command"`, `no "version"`, "callable"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v lacks %q", err, want)
		}
	}
}

func TestAliasesAreFollowed(t *testing.T) {
	p := load(t, map[string]string{"servers/gunicorn/server.yaml": "command: &c [x, \"{app}\"]\nport: 80\nversion: *c\n"})
	if got := p.Servers[0].Version; !slices.Equal(got, []string{"x", "{app}"}) {
		t.Errorf("version: %q", got)
	}
}

func TestSelect(t *testing.T) {
	p := load(t, nil)
	tests := []struct {
		name   string
		filter Filter
		want   []string
	}{
		{"a server", Filter{Servers: []string{"gun*"}}, []string{"gunicorn bare hello", "gunicorn flask bye,hello"}},
		{"two servers", Filter{Servers: []string{"wsgiref", "gunicorn"}, Apps: []string{"bare"}}, []string{"gunicorn bare hello", "wsgiref bare hello"}},
		{"a case", Filter{Cases: []string{"b?e"}}, []string{"gunicorn flask bye", "waitress flask bye"}},
		{"a case of an app", Filter{Cases: []string{"bare/h*"}, Servers: []string{"waitress"}}, []string{"waitress bare hello"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s, err := p.Select(test.filter)
			if err != nil {
				t.Fatal(err)
			}
			if got := cellNames(s); !slices.Equal(got, test.want) {
				t.Errorf("cells %q, want %q", got, test.want)
			}
			if s.Whole() != p {
				t.Error("the selection has lost the whole")
			}
		})
	}
}

func TestNothingSelectedSaysWhatThereIs(t *testing.T) {
	p := load(t, nil)
	tests := []struct {
		filter Filter
		want   string
	}{
		{Filter{Servers: []string{"gunicron"}}, `nothing selected: no server matches "gunicron"; did you mean "gunicorn"?`},
		{Filter{Servers: []string{"gunicorn", "x"}}, `no server matches "x"; there is gunicorn, waitress, wsgiref`},
		{Filter{Apps: []string{"x*"}}, `no app matches "x*"; there is bare, flask`},
		{Filter{Cases: []string{"zzz*"}}, `no case matches "zzz*"; there is bye, hello`},
		{Filter{Cases: []string{"hello", "zzz*"}}, `no case matches "zzz*"`},
		{Filter{Cases: []string{"["}}, `--case "[" is no pattern`},
		{Filter{Servers: []string{"wsgiref"}, Apps: []string{"flask"}}, "matrix.yaml excludes wsgiref with flask: too slow"},
	}
	for _, test := range tests {
		_, err := p.Select(test.filter)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%+v: error %v, want %q", test.filter, err, test.want)
		}
	}
}

func TestStale(t *testing.T) {
	p := load(t, map[string]string{"servers/gunicorn/server.yaml": goodServer + `known:
- {case: "flask/*", reason: x, link: y, until: 2027-01-31}
- {case: "*/bye", reason: shadowed, link: y, until: 2027-12-31}
- {case: "bare/helo", reason: no such case, link: y, until: 2027-12-31}
`})
	day := func(d string) time.Time {
		at, err := time.Parse(time.DateOnly, d)
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	unused := []string{"server.yaml:6: the known divergence \"*/bye\" matches no case", "server.yaml:7: the known divergence \"bare/helo\" matches no case"}
	expect(t, p.Stale(day("2027-01-31")), unused)
	expect(t, p.Stale(day("2027-02-01")), append([]string{"server.yaml:5: the known divergence \"flask/*\" was to be looked at again by 2027-01-31"}, unused...))

	// A selection is judged by the whole plan, and only for its own servers.
	narrow, err := p.Select(Filter{Apps: []string{"bare"}})
	if err != nil {
		t.Fatal(err)
	}
	expect(t, narrow.Stale(day("2027-01-31")), unused)
	other, err := p.Select(Filter{Servers: []string{"waitress"}})
	if err != nil {
		t.Fatal(err)
	}
	expect(t, other.Stale(day("2030-01-01")), nil)
}

func expect(t *testing.T, got, want []string) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("got %d:\n%q\nwant %d:\n%q", len(got), got, len(want), want)
	}
	for i := range want {
		if !strings.Contains(got[i], want[i]) {
			t.Errorf("got %q, want in it %q", got[i], want[i])
		}
	}
}

func TestFindRootIsRelative(t *testing.T) {
	checkout(t, nil)
	for dir, want := range map[string]string{".": ".", "servers/gunicorn": "../.."} {
		t.Run(dir, func(t *testing.T) {
			t.Chdir(dir)
			if got, err := FindRoot(); err != nil || got != want {
				t.Errorf("%q, %v; want %q", got, err, want)
			}
		})
	}
}

func TestFindRootOutsideOfACheckout(t *testing.T) {
	t.Chdir(t.TempDir())
	if _, err := FindRoot(); err == nil || !strings.Contains(err.Error(), "--root") {
		t.Errorf("error %v, want the mend in it", err)
	}
}
