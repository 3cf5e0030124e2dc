// Package apps_test holds the apps' case files against each other and against README.md. It
// owns the promise that every app has the common scenario; it never runs an app: the matrix does.
package apps_test

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"wsgimatrix/matrix/golden"
)

// scenario are the apps that answer the common scenario. Those of a framework have nothing else.
var scenario = []string{"bare", "flask", "django", "pyramid", "bottle", "falcon"}

// atLeast is how many conversations the common scenario has, at the least.
const atLeast = 36

type cases map[string]*golden.Case

func load(t *testing.T, app string) cases {
	t.Helper()
	all, err := golden.LoadDir(app + "/cases")
	if err != nil {
		t.Fatal(err)
	}
	byName := cases{}
	for _, c := range all {
		byName[c.Name] = c
	}
	return byName
}

func (c cases) names() []string {
	var names []string
	for name := range c {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// TestCommonScenario: every app is sent the same.
func TestCommonScenario(t *testing.T) {
	common := load(t, "flask")
	if len(common) < atLeast {
		t.Errorf("the common scenario has %d cases, at least %d are promised", len(common), atLeast)
	}
	for _, app := range scenario {
		own := load(t, app)
		for name, want := range common {
			got, ok := own[name]
			if !ok {
				t.Errorf("%s/cases/%s.txtar is missing: flask has it", app, name)
				continue
			}
			compare(t, got, want)
		}
		if app == "bare" {
			continue
		}
		for name, c := range own {
			if common[name] == nil {
				t.Errorf("%s: no other app has this case; only bare may have its own", c.File)
			}
		}
	}
}

func compare(t *testing.T, got, want *golden.Case) {
	t.Helper()
	if a, b := heading(got), heading(want); a != b {
		t.Errorf("%s says of itself\n\t%s\nand %s\n\t%s", got.File, a, want.File, b)
	}
	a, b := sent(got), sent(want)
	for i := range max(len(a), len(b)) {
		if i >= len(a) || i >= len(b) {
			t.Errorf("%s has %d sections, %s has %d", got.File, len(a), want.File, len(b))
			return
		}
		if a[i] != b[i] {
			t.Errorf("%s:%d differs from %s:%d:\n%s\n----\n%s", got.File, got.Steps[i].Line, want.File, want.Steps[i].Line, a[i], b[i])
		}
	}
}

// heading is what a case says of itself, but for where its golden comes from.
func heading(c *golden.Case) string {
	return strings.Join([]string{c.Title, c.Level, strings.Join(c.Clauses, "; "), c.Timeout.String()}, " | ")
}

// sent is the course of a case without its goldens.
func sent(c *golden.Case) []string {
	var all []string
	for i := range c.Steps {
		step := &c.Steps[i]
		if step.Kind == golden.Expect {
			all = append(all, "expect "+step.Conn)
			continue
		}
		all = append(all, step.Name+"\n"+step.Text)
	}
	return all
}

// TestHost: every request names one host, so that no golden depends on where the server listens.
func TestHost(t *testing.T) {
	requestLine := regexp.MustCompile(`(?m) HTTP/1\.[01](\\r)?$`)
	host := regexp.MustCompile(`(?m)^Host: matrix\.test(:8080)?(\\r)?$`)
	for _, app := range scenario {
		for _, c := range load(t, app) {
			for i := range c.Steps {
				step := &c.Steps[i]
				if requests := len(requestLine.FindAllString(step.Text, -1)); len(host.FindAllString(step.Text, -1)) < requests {
					t.Errorf("%s:%d: a request without Host: matrix.test", c.File, step.Line)
				}
			}
		}
	}
}

// TestHello: each app greets by its own name, as text.
func TestHello(t *testing.T) {
	for _, app := range scenario {
		hello, ok := load(t, app)["hello"]
		if !ok {
			t.Errorf("%s has no case hello", app)
			continue
		}
		text := strings.Join(hello.Steps[len(hello.Steps)-1].Texts(), "")
		name := strings.ToUpper(app[:1]) + app[1:]
		if !strings.HasSuffix(text, "\n\nHello world from "+name+"!\n\n") || !strings.Contains(strings.ToLower(text), "\ncontent-type: text/plain") {
			t.Errorf("%s: this is no hello from %s as text/plain:\n%s", hello.File, name, text)
		}
	}
}

// TestClauses: every case names its clause.
func TestClauses(t *testing.T) {
	source := regexp.MustCompile(`RFC \d{4}|PEP 3333|WHATWG URL`)
	for _, app := range scenario {
		for _, c := range load(t, app) {
			if !source.MatchString(strings.Join(c.Clauses, "; ")) {
				t.Errorf("%s: no clause with a source: %q", c.File, c.Clauses)
			}
		}
	}
}

// TestValidate: wsgiref.validate is off for one case, as README.md says.
func TestValidate(t *testing.T) {
	for _, app := range scenario {
		for _, c := range load(t, app) {
			allowed := c.Name == "no-content" && (app == "flask" || app == "django")
			if off := c.Validate != ""; off != allowed {
				t.Errorf("%s: validate is off: %t; README.md says: %t", c.File, off, allowed)
			}
		}
	}
}

// TestReadme: README.md's tables list every case, in the file's own words.
func TestReadme(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]string{}
	for _, m := range regexp.MustCompile("(?m)^\\| `([a-z0-9.-]+)` \\| (.*) \\|$").FindAllStringSubmatch(string(readme), -1) {
		rows[m[1]] = m[2]
	}
	if count := fmt.Sprintf("answer the same %d conversations", len(load(t, "flask"))); !strings.Contains(string(readme), count) {
		t.Errorf("README.md does not say %q", count)
	}
	all := load(t, "bare") // it has every case of the others, and its own
	for name, c := range all {
		want := strings.Join([]string{c.Title, c.Level, strings.Join(c.Clauses, "; ")}, " | ")
		if rows[name] != want {
			t.Errorf("README.md says of %s\n\t%s\n%s says\n\t%s", name, rows[name], c.File, want)
		}
	}
	for name := range rows {
		if all[name] == nil {
			t.Errorf("README.md lists %s, which no app has: there are %s", name, strings.Join(all.names(), ", "))
		}
	}
}
