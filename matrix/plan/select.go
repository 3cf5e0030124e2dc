package plan

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"wsgimatrix/matrix/golden"
	"wsgimatrix/matrix/mistake"
)

// Filter narrows a plan. Each is a list of globs; an empty list takes everything.
type Filter struct {
	Servers, Apps []string
	Cases         []string // CASE, or APP/CASE
}

// Select narrows a plan. A glob that selects nothing is an error, for it is a typing error:
// a run of nothing must never look like a pass.
func (p *Plan) Select(f Filter) (*Plan, error) {
	cells, err := p.cells(f)
	if err != nil {
		return nil, fmt.Errorf("nothing selected: %w", err)
	}
	s := &Plan{Root: p.Root, Excluded: p.Excluded, whole: p.Whole()}
	for _, c := range cells {
		s.add(c)
	}
	return s, nil
}

// Only keeps the cells and cases that an engine can run. Nothing left is an error, and why says what
// the engine asks for.
func (p *Plan) Only(keep func(*Server, *App, *golden.Case) bool, why string) (*Plan, error) {
	s := &Plan{Root: p.Root, Excluded: p.Excluded, whole: p.Whole()}
	for _, c := range p.Cells {
		var cases []*golden.Case
		for _, k := range c.Cases {
			if keep(c.Server, c.App, k) {
				cases = append(cases, k)
			}
		}
		if len(cases) > 0 {
			s.add(Cell{c.Server, c.App, cases})
		}
	}
	if len(s.Cells) == 0 {
		return nil, fmt.Errorf("nothing selected: %s", why)
	}
	return s, nil
}

func (p *Plan) add(c Cell) {
	p.Cells = append(p.Cells, c)
	if !slices.Contains(p.Servers, c.Server) {
		p.Servers = append(p.Servers, c.Server)
	}
	if !slices.Contains(p.Apps, c.App) {
		p.Apps = append(p.Apps, c.App)
	}
}

func (p *Plan) cells(f Filter) ([]Cell, error) {
	if err := p.check(f); err != nil {
		return nil, err
	}
	var cells []Cell
	used := map[string]bool{}
	for _, c := range p.Cells {
		if !matchesAny(f.Servers, c.Server.Name) || !matchesAny(f.Apps, c.App.Name) {
			continue
		}
		if c.Cases = c.only(f.Cases, used); len(c.Cases) > 0 {
			cells = append(cells, c)
		}
	}
	if unused := unmatched(f.Cases, used); len(cells) > 0 && unused != "" {
		return nil, p.noCase(f, unused)
	}
	if len(cells) == 0 {
		return nil, p.nothing(f)
	}
	return cells, nil
}

// check finds the globs of which no server or app has heard.
func (p *Plan) check(f Filter) error {
	var servers, apps []string
	for _, s := range p.Servers {
		servers = append(servers, s.Name)
	}
	for _, a := range p.Apps {
		apps = append(apps, a.Name)
	}
	return errors.Join(exists("server", f.Servers, servers), exists("app", f.Apps, apps), wellFormed("case", f.Cases))
}

func exists(kind string, globs, known []string) error {
	if err := wellFormed(kind, globs); err != nil {
		return err
	}
	for _, g := range globs {
		if !slices.ContainsFunc(known, func(name string) bool { return match(g, name) }) {
			return fmt.Errorf("no %s matches %q; %s", kind, g, mistake.Nearest(g, known))
		}
	}
	return nil
}

func wellFormed(kind string, globs []string) error {
	for _, g := range globs {
		if g == "" {
			return fmt.Errorf("--%s is empty: leave it out to take all", kind)
		}
		if _, err := path.Match(g, ""); err != nil {
			return fmt.Errorf("--%s %q is no pattern: a [ has no ], or a \\ ends it", kind, g)
		}
	}
	return nil
}

func matchesAny(globs []string, name string) bool {
	return len(globs) == 0 || slices.ContainsFunc(globs, func(g string) bool { return match(g, name) })
}

// only are the cell's cases that one of the globs matches; used gathers those that did.
func (c Cell) only(globs []string, used map[string]bool) []*golden.Case {
	if len(globs) == 0 {
		return c.Cases
	}
	var out []*golden.Case
	for _, k := range c.Cases {
		hit := false
		for _, g := range globs {
			if match(g, k.Name) || match(g, c.App.Name+"/"+k.Name) {
				used[g], hit = true, true
			}
		}
		if hit {
			out = append(out, k)
		}
	}
	return out
}

func unmatched(globs []string, used map[string]bool) string {
	for _, g := range globs {
		if !used[g] {
			return g
		}
	}
	return ""
}

// nothing says why servers and apps that exist have no cell or case in common.
func (p *Plan) nothing(f Filter) error {
	for _, c := range p.Cells {
		if matchesAny(f.Servers, c.Server.Name) && matchesAny(f.Apps, c.App.Name) {
			return p.noCase(f, strings.Join(f.Cases, ","))
		}
	}
	for _, e := range p.Excluded {
		if matchesAny(f.Servers, e.Server) && matchesAny(f.Apps, e.App) {
			return fmt.Errorf("%s excludes %s with %s: %s", File, e.Server, e.App, e.Reason)
		}
	}
	return fmt.Errorf("%s leaves no cell", File)
}

func (p *Plan) noCase(f Filter, glob string) error {
	var names []string
	for _, a := range p.Apps {
		for _, k := range a.Cases {
			if matchesAny(f.Apps, a.Name) && !slices.Contains(names, k.Name) {
				names = append(names, k.Name)
			}
		}
	}
	return fmt.Errorf("no case matches %q; %s", glob, mistake.Nearest(glob, names))
}
