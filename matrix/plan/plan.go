// Package plan owns the configuration: it reads matrix.yaml, servers/*/server.yaml,
// apps/*/app.yaml and the apps' cases, says what is wrong in them by file and line, and
// makes the ordered list of cells of it. It builds nothing and runs nothing.
package plan

import (
	"errors"

	"wsgimatrix/matrix/golden"
	"wsgimatrix/matrix/results"
)

// File is the file that names which servers meet which apps; the folder it stands in is
// the root of the checkout.
const File = "matrix.yaml"

// Plan is what a run is to do.
type Plan struct {
	Root    string // the checkout, as it was named: perhaps relative to the working folder
	Servers []*Server
	Apps    []*App
	Cells   []Cell // by server, then by app, each in the order of matrix.yaml

	Excluded []Exclusion
	whole    *Plan // what this was selected from; nil: this is the whole
}

// Server is a way to serve WSGI.
type Server struct {
	Name     string
	Title    string
	Model    string
	Dir      string   // its folder
	File     string   // its server.yaml
	Packages []string // Debian packages
	Command  []string // holds {app}
	Port     int
	Version  []string // the command that prints it
	From     string   // "base" or "ours"
	Ours     bool     // From is "ours"
	Stop     string   // the signal that ends it
	Behind   string   // the server that this one has something in front of; empty: none
	Env      map[string]string
	Setups   map[string]*Setup     // other ways to set the server up, which cases ask for
	Tell     map[golden.Verb]*Tell // how it is told what cases tell it, where server.yaml says so
	Known    []*Known
}

// Tell is how a server is told something: by a signal, or by a command that is run beside it.
type Tell struct {
	Verb    golden.Verb
	Signal  string   // to its first process; of kill-worker: to the worker
	Command []string // instead of a signal
	Cannot  string   // why the server cannot be told so; empty: it can
	Line    int      // of its server.yaml; 0: it says nothing
}

// Setup is a way to set a server up that some cases ask for.
type Setup struct {
	Name    string
	Command []string          // instead of the server's own; nil: that one
	Env     map[string]string // besides the server's own
	Cannot  string            // why the server cannot be set up so; empty: it can
	Line    int               // of its server.yaml
}

// App is a WSGI application and the conversations that are held with it.
type App struct {
	Name     string
	Title    string
	Dir      string
	File     string
	Packages []string
	Callable string   // module:callable
	Version  []string // the command that prints its framework's; none: it has no version
	Env      map[string]string
	Cases    []*golden.Case
	Contract *results.Contract // what the cases show together; nil: each stands for itself
}

// Cell is one server with one app, and the cases that are to be run there.
type Cell struct {
	Server *Server
	App    *App
	Cases  []*golden.Case
}

// Exclusion is a pair that matrix.yaml leaves out.
type Exclusion struct {
	Server, App, Reason string
}

// Whole is the plan that this one was selected from.
func (p *Plan) Whole() *Plan {
	if p.whole == nil {
		return p
	}
	return p.whole
}

// Count is the number of cases in all cells.
func (p *Plan) Count() int {
	n := 0
	for _, c := range p.Cells {
		n += len(c.Cases)
	}
	return n
}

// Load reads the configuration of a checkout. Its error joins every mistake that was found.
func Load(root string) (*Plan, error) {
	m, err := readMatrix(root)
	if err != nil {
		return nil, err
	}
	p := &Plan{Root: root}
	var mistakes []error
	for _, name := range m.servers {
		s, err := loadServer(root, name)
		mistakes = append(mistakes, err)
		p.Servers = append(p.Servers, s)
	}
	for _, name := range m.apps {
		a, err := loadApp(root, name)
		mistakes = append(mistakes, err)
		p.Apps = append(p.Apps, a)
	}
	if err := errors.Join(mistakes...); err != nil {
		return nil, err
	}
	if err := p.checkSetups(); err != nil {
		return nil, err
	}
	p.pair(m)
	return p, nil
}

// pair makes the cells.
func (p *Plan) pair(m *matrix) {
	for _, s := range p.Servers {
		for _, a := range p.Apps {
			if reason, excluded := m.excluded(s.Name, a.Name); excluded {
				p.Excluded = append(p.Excluded, Exclusion{s.Name, a.Name, reason})
				continue
			}
			p.Cells = append(p.Cells, Cell{s, a, a.Cases})
		}
	}
}
