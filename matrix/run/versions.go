package run

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"sync"
)

// versions are what the servers and apps of a run say they are: each is asked once, in the
// first cell that it runs in.
type versions struct {
	mu   sync.Mutex
	read map[string]*version
}

// version is what one of them said.
type version struct {
	number, python string
	err            error
	dead           bool // the server had ended: its cell says so, and the next may ask again
	taken          bool // somebody asks, or has asked with success
}

func serverKey(name string) string { return "servers/" + name + "/server.yaml" }
func appKey(name string) string    { return "apps/" + name + "/app.yaml" }

// claim tells whether the caller is the one to ask.
func (v *versions) claim(key string) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.read == nil {
		v.read = map[string]*version{}
	}
	if v.read[key] == nil {
		v.read[key] = &version{}
	}
	free := !v.read[key].taken
	v.read[key].taken = true
	return free
}

// settle records an answer. After a failure the next cell asks again.
func (v *versions) settle(key string, answer version) {
	v.mu.Lock()
	defer v.mu.Unlock()
	answer.taken = answer.err == nil && !answer.dead
	v.read[key] = &answer
}

func (v *versions) of(key string) version {
	v.mu.Lock()
	defer v.mu.Unlock()
	if found := v.read[key]; found != nil {
		return *found
	}
	return version{}
}

// problems are the version commands that did not work.
func (v *versions) problems() []string {
	v.mu.Lock()
	defer v.mu.Unlock()
	var out []string
	for key, found := range v.read {
		if found.err != nil {
			out = append(out, fmt.Sprintf("%s: the version cannot be read: %v", key, found.err))
		}
	}
	slices.Sort(out)
	return out
}

// pythonAnd prints Python's version, then runs its arguments: starting a process in a
// container costs more than what this one does.
const pythonAnd = `import platform, subprocess, sys
print(platform.python_version(), flush=True)
sys.exit(subprocess.run(sys.argv[1:], stderr=subprocess.STDOUT).returncode)`

// readVersions asks the cell's server and app what they are, unless somebody has.
func (j *job) readVersions(ctx context.Context) {
	s, a := j.cell.Server, j.cell.App
	if key := serverKey(s.Name); j.versions.claim(key) {
		j.versions.settle(key, j.ask(ctx, append([]string{"python3", "-c", pythonAnd}, s.Version...), true))
	}
	if key := appKey(a.Name); len(a.Version) > 0 && j.versions.claim(key) {
		j.versions.settle(key, j.ask(ctx, a.Version, false))
	}
}

func (j *job) ask(ctx context.Context, argv []string, python bool) (v version) {
	defer func() {
		if p := recover(); p != nil {
			v.err = fmt.Errorf("the runner panicked, please report it: %v", p)
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, j.opts.Limits.Engine)
	defer cancel()
	printed, err := j.instance.Exec(ctx, argv)
	if err != nil {
		if state, stateErr := j.instance.State(ctx); stateErr == nil && !state.Running {
			return version{dead: true}
		}
		return version{err: err}
	}
	if python {
		first, rest, _ := bytes.Cut(printed, []byte("\n"))
		v.python, printed = string(bytes.TrimSpace(first)), rest
	}
	v.number, v.err = number(printed)
	return v
}

var numbered = regexp.MustCompile(`\d+(?:\.\d+)+(?:(?:a|b|rc)\d+)?`)

// number is the first thing like 1.2.3.
func number(printed []byte) (string, error) {
	if found := numbered.Find(printed); found != nil {
		return string(found), nil
	}
	printed = bytes.TrimSpace(printed)
	if len(printed) == 0 {
		return "", errors.New("the version command prints nothing")
	}
	return "", fmt.Errorf("nothing like 1.2.3 is in what the version command prints: %q", printed[:min(len(printed), 200)])
}
