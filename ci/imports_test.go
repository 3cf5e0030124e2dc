package ci_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "wsgimatrix"

// source is one Go file: its package's folder, and what it imports.
type source struct {
	file, folder string
	main, test   bool
	imports      []string
}

// rules say what a file may not import. They look at files and not at packages, so that they
// hold for every system and with every build tag.
var rules = []struct {
	name   string
	broken func(s source, imported string) bool
}{
	{`only servers/internal/cpython imports "C"`, func(s source, imported string) bool {
		return imported == "C" && s.folder != "servers/internal/cpython"
	}},
	{"only matrix/engine/docker and matrix/image import docker or testcontainers", func(s source, imported string) bool {
		engine := strings.HasPrefix(imported, "github.com/docker/") || strings.HasPrefix(imported, "github.com/testcontainers/") || strings.HasPrefix(imported, "github.com/moby/")
		return engine && s.folder != "matrix/engine/docker" && s.folder != "matrix/image"
	}},
	{"matrix never imports servers", func(s source, imported string) bool {
		return below(s.folder, "matrix") && below(imported, module+"/servers")
	}},
	{"servers never import matrix", func(s source, imported string) bool {
		return below(s.folder, "servers") && below(imported, module+"/matrix") && !s.test
	}},
	{"http1 imports the standard library alone, and environ only http1 besides", func(s source, imported string) bool {
		switch {
		case s.test:
			return false
		case s.folder == "servers/internal/environ" && imported == module+"/servers/internal/http1":
			return false // an environ is made of the request that http1 has read
		}
		first, _, _ := strings.Cut(imported, "/")
		pure := s.folder == "servers/internal/http1" || s.folder == "servers/internal/environ"
		return pure && (strings.Contains(first, ".") || first == module)
	}},
}

func below(name, folder string) bool {
	return name == folder || strings.HasPrefix(name, folder+"/")
}

func TestImports(t *testing.T) {
	all := sources(t)
	used := map[string]bool{}
	for _, s := range all {
		for _, imported := range s.imports {
			used[imported] = true
			for _, rule := range rules {
				if rule.broken(s, imported) {
					t.Errorf("%s imports %q: %s", s.file, imported, rule.name)
				}
			}
		}
	}
	for _, s := range all {
		if s.main && used[path.Join(module, s.folder)] {
			t.Errorf("%s is a main package, and some package imports it", s.folder)
		}
	}
	// Were these not seen, the rules above would hold of nothing.
	for _, sure := range []string{"C", "github.com/docker/docker/client", "github.com/testcontainers/testcontainers-go"} {
		if !used[sure] {
			t.Errorf("no file seems to import %q: does this test see the code?", sure)
		}
	}
}

// TestRulesSeeWhatTheyForbid breaks each rule once.
func TestRulesSeeWhatTheyForbid(t *testing.T) {
	for i, breach := range []struct {
		folder, imported string
	}{
		{"servers/internal/serve", "C"},
		{"matrix/run", "github.com/docker/docker/client"},
		{"matrix/wire", "wsgimatrix/servers/internal/http1"},
		{"servers/prefork", "wsgimatrix/matrix/wire"},
		{"servers/internal/http1", "golang.org/x/net/http/httpguts"},
	} {
		if !rules[i].broken(source{folder: breach.folder}, breach.imported) {
			t.Errorf("%q does not see that %s imports %s", rules[i].name, breach.folder, breach.imported)
		}
	}
}

func sources(t *testing.T) []source {
	t.Helper()
	var all []source
	err := filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		base := entry.Name()
		if entry.IsDir() && name != root && (strings.HasPrefix(base, ".") || slices.Contains([]string{"bin", "out", "testdata"}, base)) {
			return filepath.SkipDir
		}
		if entry.IsDir() || filepath.Ext(base) != ".go" {
			return nil
		}
		read, err := parse(name)
		all = append(all, read)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func parse(name string) (source, error) {
	tree, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
	if err != nil {
		return source{}, err
	}
	file, err := filepath.Rel(root, name)
	if err != nil {
		return source{}, err
	}
	s := source{
		file: file, folder: filepath.ToSlash(filepath.Dir(file)),
		main: tree.Name.Name == "main", test: strings.HasSuffix(name, "_test.go"),
	}
	for _, spec := range tree.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return source{}, err
		}
		s.imports = append(s.imports, imported)
	}
	return s, nil
}
