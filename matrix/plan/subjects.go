package plan

import (
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"wsgimatrix/matrix/golden"
	"wsgimatrix/matrix/mistake"
)

const (
	serverFile = "server.yaml"
	appFile    = "app.yaml"
)

func loadServer(root, name string) (*Server, error) {
	dir := filepath.Join(root, "servers", name)
	s := &Server{Name: name, Title: name, Dir: dir, File: filepath.Join(dir, serverFile), From: "base", Stop: "SIGTERM"}
	r := &reader{file: s.File}
	r.folder(name)
	n := r.read()
	if n == nil {
		return nil, r.err()
	}
	r.mapping(n, serverFile, fields{
		"title":    r.text("title", &s.Title),
		"model":    r.text("model", &s.Model),
		"packages": r.texts("packages", &s.Packages, r.debianPackage),
		"command":  r.texts("command", &s.Command, nil),
		"port":     r.number("port", &s.Port, 1, 65535),
		"version":  r.texts("version", &s.Version, nil),
		"from":     r.choice("from", &s.From, "base", "ours"),
		"stop":     r.choice("stop", &s.Stop, signals...),
		"behind":   r.behind(root, &s.Behind),
		"env":      r.environment("env", &s.Env),
		"setups":   r.setups(s),
		"tell":     r.tells(s),
		"known":    r.items("known", r.known(&s.Known)),
	})
	r.required(n, serverFile, "command", "port", "version")
	if at := value(follow(n), "command"); at != nil {
		r.command(at.Line, s.Command)
	}
	s.Ours = s.From == "ours"
	return s, r.err()
}

// signals are those that servers are told to end by.
var signals = []string{"SIGTERM", "SIGINT", "SIGQUIT", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGWINCH", "SIGKILL"}

// behind reads the name of another server.
func (r *reader) behind(root string, into *string) func(*yaml.Node) {
	return func(n *yaml.Node) {
		name, ok := r.string("behind", n)
		known, err := folders(root, "servers", serverFile)
		if ok && err == nil && !slices.Contains(known, name) {
			r.wrong(n.Line, "behind: no server %q; %s", name, mistake.Nearest(name, known))
		}
		*into = name
	}
}

// command checks that the command says where the application goes.
func (r *reader) command(line int, command []string) {
	if len(command) > 0 && !strings.Contains(strings.Join(command[1:], " "), "{app}") {
		r.wrong(line, `command has no argument "{app}", where module:callable is put`)
	}
}

// debianName is a package, perhaps of a version or from a suite, as apt-get takes it.
var debianName = regexp.MustCompile(`^[a-z0-9][a-z0-9+.-]+(:[a-z0-9]+)?([=/][A-Za-z0-9+.:~-]+)?$`)

func (r *reader) debianPackage(line int, name string) {
	if !debianName.MatchString(name) {
		r.wrong(line, "%q is no name of a Debian package", name)
	}
}

func loadApp(root, name string) (*App, error) {
	dir := filepath.Join(root, "apps", name)
	a := &App{Name: name, Title: name, Dir: dir, File: filepath.Join(dir, appFile), Callable: "app:app"}
	r := &reader{file: a.File}
	r.folder(name)
	n := r.read()
	if n == nil {
		return nil, r.err()
	}
	r.mapping(n, appFile, fields{
		"title":    r.text("title", &a.Title),
		"packages": r.texts("packages", &a.Packages, r.debianPackage),
		"callable": r.text("callable", &a.Callable),
		"version":  r.texts("version", &a.Version, nil),
		"env":      r.environment("env", &a.Env),
	})
	r.callable(n.Line, a.Callable)
	r.cases(a)
	err := r.err()
	if err == nil {
		a.Contract, err = loadContract(a)
	}
	return a, err
}

var callable = regexp.MustCompile(`^[A-Za-z_][\w.]*:[A-Za-z_][\w.]*$`)

func (r *reader) callable(line int, name string) {
	if name != "" && !callable.MatchString(name) {
		r.wrong(line, "callable %q is not of the form module:callable", name)
	}
}

func (r *reader) cases(a *App) {
	dir := filepath.Join(a.Dir, "cases")
	cases, err := golden.LoadDir(dir)
	if err != nil {
		r.mistakes = append(r.mistakes, err) // names file and line
		return
	}
	if len(cases) == 0 {
		r.wrong(1, "the app has no case: put one into %s", filepath.Join(dir, "NAME.txtar"))
	}
	a.Cases = cases
}

// Environment is what a server with this app has besides what their images set.
func (c Cell) Environment() map[string]string {
	env := maps.Clone(c.Server.Env)
	if env == nil {
		env = map[string]string{}
	}
	maps.Copy(env, c.App.Env)
	return env
}

// Names are the names of the cell's cases.
func (c Cell) Names() []string {
	var names []string
	for _, k := range c.Cases {
		names = append(names, k.Name)
	}
	return slices.Clip(names)
}
