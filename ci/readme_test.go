package ci_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

func text(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// readmes are all the texts of the repository.
func readmes(t *testing.T) []string {
	t.Helper()
	var found []string
	for _, pattern := range []string{"*.md", "*/*.md", "*/*/*.md"} {
		names, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			name, err := filepath.Rel(root, name)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.HasPrefix(name, "out/") && !strings.HasPrefix(name, "bin/") {
				found = append(found, name)
			}
		}
	}
	if !slices.Contains(found, "README.md") || !slices.Contains(found, "matrix/README.md") {
		t.Fatalf("found %v: where are the READMEs?", found)
	}
	return found
}

var (
	link    = regexp.MustCompile(`\]\(([^)#\s]+)(#[^)\s]*)?\)`)
	address = regexp.MustCompile(`^[a-z]+:`)
)

func TestLinksLeadSomewhere(t *testing.T) {
	for _, readme := range readmes(t) {
		for _, found := range link.FindAllStringSubmatch(text(t, readme), -1) {
			target := filepath.Join(filepath.Dir(readme), found[1])
			if address.MatchString(found[1]) {
				continue
			}
			if _, err := os.Stat(filepath.Join(root, target)); err != nil {
				t.Errorf("%s links to %s, which is not there", readme, target)
			}
		}
	}
}

// TestFoldersStand reads the overview: a block in which every line begins with a path.
func TestFoldersStand(t *testing.T) {
	_, after, found := strings.Cut(text(t, "README.md"), "## Where things stand\n\n```\n")
	block, _, closed := strings.Cut(after, "\n```")
	if !found || !closed {
		t.Fatal(`README.md has no block under "Where things stand"`)
	}
	for line := range strings.Lines(block) {
		name, _, _ := strings.Cut(line, " ")
		info, err := os.Stat(filepath.Join(root, name))
		if err != nil || info.IsDir() != strings.HasSuffix(name, "/") {
			t.Errorf("README.md shows %s: there is no such file or folder (%v)", name, err)
		}
	}
}

var makeCommand = regexp.MustCompile("(?m)(?:^|`)make ([a-z/]+)")

func TestMakeTargetsExist(t *testing.T) {
	makefile := text(t, "Makefile")
	for _, readme := range readmes(t) {
		for _, found := range makeCommand.FindAllStringSubmatch(text(t, readme), -1) {
			if !regexp.MustCompile(`(?m)^` + found[1] + `:`).MatchString(makefile) {
				t.Errorf("%s says `make %s`: the Makefile has no such target", readme, found[1])
			}
		}
	}
}

// tool builds bin/matrix once, elsewhere.
var tool = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "wsgi-matrix-ci-")
	if err != nil {
		return "", err
	}
	build := exec.Command("go", "build", "-o", filepath.Join(dir, "matrix"), "./matrix")
	build.Dir = root
	out, err := build.CombinedOutput()
	if err != nil {
		err = errors.New(string(out))
	}
	return filepath.Join(dir, "matrix"), err
})

func TestMain(m *testing.M) {
	code := m.Run()
	if path, err := tool(); err == nil {
		_ = os.RemoveAll(filepath.Dir(path)) // a temporary folder
	}
	os.Exit(code)
}

// help is what the tool says of itself, or of one of its commands.
func help(t *testing.T, args ...string) string {
	t.Helper()
	path, err := tool()
	if err != nil {
		t.Fatal(err)
	}
	out, err := command(t, time.Minute, nil, append(append([]string{path}, args...), "--help")...)
	if err != nil {
		t.Fatalf("matrix %s --help: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

var (
	called = regexp.MustCompile("`bin/matrix ([a-z]+)([^`]*)`([^\n]*)")
	flag   = regexp.MustCompile(`--[a-z][a-z-]*`)
	listed = regexp.MustCompile(`(?m)^  ([a-z]+) {2,}`)
)

// TestCommandsAndFlagsExist holds each `bin/matrix COMMAND`, and the flags in the rest of its
// line, against the tool's own help; and the other way round, each command against README.md.
func TestCommandsAndFlagsExist(t *testing.T) {
	told := map[string]bool{}
	for _, readme := range readmes(t) {
		for _, found := range called.FindAllStringSubmatch(text(t, readme), -1) {
			told[found[1]] = true
			own := help(t, found[1])
			if !strings.Contains(own, "matrix "+found[1]) {
				t.Errorf("%s names `bin/matrix %s`, which is no command", readme, found[1])
				continue
			}
			for _, name := range flag.FindAllString(found[2]+found[3], -1) {
				if !regexp.MustCompile(`(?m)^ .*` + name + `\b`).MatchString(own) {
					t.Errorf("%s: `bin/matrix %s` has no %s", readme, found[1], name)
				}
			}
		}
	}
	_, commands, _ := strings.Cut(help(t), "Available Commands:")
	for _, found := range listed.FindAllStringSubmatch(commands, -1) {
		if name := found[1]; !told[name] && name != "help" && name != "completion" && name != "version" {
			t.Errorf("no README tells of `bin/matrix %s`", name)
		}
	}
}

var (
	exitRow   = regexp.MustCompile(`(?m)^\| (\d) \| (.+) \|$`)
	exitConst = regexp.MustCompile(`(?m)^\texit\w+\s*= (\d) // (.+)$`)
)

// TestExitCodes holds the table against the constants, and both against the tool's help.
func TestExitCodes(t *testing.T) {
	rows := exitRow.FindAllStringSubmatch(text(t, "README.md"), -1)
	constants := exitConst.FindAllStringSubmatch(text(t, "matrix/main.go"), -1)
	if len(rows) == 0 || len(rows) != len(constants) {
		t.Fatalf("README.md has %d exit codes, matrix/main.go %d", len(rows), len(constants))
	}
	said := strings.Join(strings.Fields(help(t)), " ")
	for i, row := range rows {
		if row[1] != constants[i][1] || !strings.HasPrefix(constants[i][2], row[2]) {
			t.Errorf("README.md: %s %s; matrix/main.go: %s %s", row[1], row[2], constants[i][1], constants[i][2])
		}
		if !strings.Contains(said, row[1]+" "+row[2]) {
			t.Errorf("matrix --help does not say %q", row[1]+" "+row[2])
		}
	}
}

var output = regexp.MustCompile("`out/([a-z.]+)`")

// TestOutputsAreWritten looks for the name of each promised file in the code that writes them.
func TestOutputsAreWritten(t *testing.T) {
	code, found := text(t, "matrix/outputs.go"), output.FindAllStringSubmatch(text(t, "README.md"), -1)
	if len(found) == 0 {
		t.Fatal("README.md promises no file in out/")
	}
	for _, name := range found {
		if !strings.Contains(code, `"`+name[1]+`"`) {
			t.Errorf("README.md promises out/%s, of which matrix/outputs.go knows nothing", name[1])
		}
	}
}
