package image

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

const checkout = "../.."

func read(t *testing.T) []file {
	t.Helper()
	files, err := readContext(checkout)
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func paths(files []file) []string {
	var out []string
	for _, f := range files {
		out = append(out, f.path)
	}
	return out
}

func TestContextIsSmallAndHoldsNoCase(t *testing.T) {
	have := paths(read(t))
	for _, want := range []string{"Dockerfile", "go.mod", "ci/image/bake_app.py", "servers/README.md", "servers/wsgiref/server.yaml", "apps/README.md", "apps/bare/app.py"} {
		if !slices.Contains(have, want) {
			t.Errorf("the context lacks %s", want)
		}
	}
	for _, path := range have {
		if matched, _ := filepath.Match("apps/*/cases/*", path); matched || filepath.Ext(path) == ".pyc" || within(".git", path) || within("matrix", path) {
			t.Errorf("the context holds %s", path)
		}
	}
}

func TestContextTakesFilesAsTheyAreMeant(t *testing.T) {
	root := t.TempDir()
	write(t, root, ".dockerignore", "*\n!kept\n!deep/er\n**/*.tmp\n", 0o644)
	write(t, root, "kept/run", "x", 0o700)
	write(t, root, "kept/data", "x", 0o600)
	write(t, root, "kept/data.tmp", "x", 0o644)
	write(t, root, "deep/er/data", "x", 0o664)
	write(t, root, "deep/other", "x", 0o644)
	files, err := readContext(root)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]int64{}
	for _, f := range files {
		got[f.path] = f.mode
	}
	want := map[string]int64{"kept/run": 0o755, "kept/data": 0o644, "deep/er/data": 0o644}
	if len(got) != len(want) {
		t.Errorf("got %v, want %v", got, want)
	}
	for path, mode := range want {
		if got[path] != mode {
			t.Errorf("%s: mode %o, want %o", path, got[path], mode)
		}
	}
}

func write(t *testing.T, root, name, text string, mode os.FileMode) {
	t.Helper()
	path := filepath.Join(root, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil { // whatever the umask says
		t.Fatal(err)
	}
}

// every is one target of each sort.
var every = map[string]Target{
	"base":      {Kind: Base},
	"toolchain": {Kind: Toolchain},
	"build":     {Kind: build},
	"gunicorn":  {Kind: Server, Name: "gunicorn", From: Base},
	"waitress":  {Kind: Server, Name: "waitress"},
	"prefork":   {Kind: Server, Name: "prefork", From: Ours},
	"iterative": {Kind: Server, Name: "iterative", From: Ours},
	"bare":      {Kind: App, Name: "bare"},
	"flask":     {Kind: App, Name: "flask"},
}

// TestChangeRebuildsWhatDependsOnIt changes each file in turn, and sees whose tag changes.
func TestChangeRebuildsWhatDependsOnIt(t *testing.T) {
	all := []string{"bare", "base", "build", "flask", "gunicorn", "iterative", "prefork", "toolchain", "waitress"}
	for path, want := range map[string][]string{
		"Dockerfile":                       all,
		"ci/image/bake_server.py":          {"bare", "base", "flask", "gunicorn", "iterative", "prefork", "waitress"},
		"ci/image/suites.py":               all,
		"go.mod":                           {"build", "iterative", "prefork"},
		"servers/prefork/main.go":          {"build", "iterative", "prefork"},
		"servers/prefork/server.yaml":      {"prefork"},
		"servers/internal/http1/target.go": {"build", "iterative", "prefork"},
		"servers/gunicorn/server.yaml":     {"gunicorn"},
		"servers/README.md":                nil,
		"apps/flask/app.py":                {"flask"},
		"apps/README.md":                   nil,
	} {
		if got := changed(t, path); !slices.Equal(got, want) {
			t.Errorf("a change of %s changes %v, want %v", path, got, want)
		}
	}
}

func changed(t *testing.T, path string) []string {
	t.Helper()
	files := read(t)
	before := tags{files: files, debian: "sha256:0"}
	names := map[string]string{}
	for who, target := range every {
		names[who] = before.name(target)
	}
	at := slices.IndexFunc(files, func(f file) bool { return f.path == path })
	if at < 0 {
		t.Fatalf("there is no %s in the context", path)
	}
	files[at].data = append(slices.Clone(files[at].data), '#')
	var out []string
	for who, target := range every {
		if (tags{files: files, debian: "sha256:0"}).name(target) != names[who] {
			out = append(out, who)
		}
	}
	slices.Sort(out)
	return out
}

func TestBaseImageAndRefreshChangeEveryTag(t *testing.T) {
	files := read(t)
	plain := tags{files: files, debian: "sha256:0"}
	for who, target := range every {
		if (tags{files: files, debian: "sha256:1"}).name(target) == plain.name(target) {
			t.Errorf("%s does not depend on the base image", who)
		}
		if (tags{files: files, debian: "sha256:0", stamp: "now"}).name(target) == plain.name(target) {
			t.Errorf("%s does not depend on --refresh", who)
		}
	}
}
