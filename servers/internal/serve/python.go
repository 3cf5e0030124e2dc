package serve

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
)

// bootstrap is what python3 runs: it imports the application and loads the shared object.
//
//go:embed bootstrap.py
var bootstrap string

// Python is the interpreter that will run the application.
type Python struct {
	Path string
	Args []string
	Env  []string
}

// findPython finds the interpreter and the shared object: NAME.so in ../lib beside the command,
// or beside the command itself.
func findPython(name, python string, cfg *Config) (*Python, error) {
	path, err := exec.LookPath(python)
	if err != nil {
		return nil, fmt.Errorf("--python: %w", err)
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	dir := filepath.Dir(self)
	for _, lib := range []string{filepath.Join(dir, "..", "lib", name+".so"), filepath.Join(dir, name+".so")} {
		if _, err := os.Stat(lib); err == nil {
			cfg.Library = lib
			return &Python{Path: path, Env: os.Environ()}, nil
		}
	}
	return nil, fmt.Errorf("%s.so is neither in %s nor beside the command", name, filepath.Join(dir, "..", "lib"))
}

// Prepare writes the interpreter's arguments.
func (p *Python) Prepare(cfg *Config) error {
	text, err := json.Marshal(cfg)
	if err != nil {
		return err
	}
	p.Args = []string{p.Path, "-c", bootstrap, string(text)}
	return nil
}

// Exec becomes the interpreter: the models with one process.
func Exec(cfg *Config, p *Python) error {
	if err := p.Prepare(cfg); err != nil {
		return err
	}
	return os.NewSyscallError("exec "+p.Path, syscall.Exec(p.Path, p.Args, p.Env))
}
