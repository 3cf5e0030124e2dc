package plan

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"

	"gopkg.in/yaml.v3"

	"wsgimatrix/matrix/golden"
	"wsgimatrix/matrix/mistake"
)

// Alone is the set-up of cases that may leave a server unwell: the server as it is, in another
// container than the cases after them.
const Alone = "alone"

// setups reads the set-ups of a server, by name.
func (r *reader) setups(s *Server) func(*yaml.Node) {
	return func(n *yaml.Node) {
		s.Setups = map[string]*Setup{}
		f := fields{}
		for i := 0; n.Kind == yaml.MappingNode && i < len(n.Content); i += 2 {
			key := n.Content[i]
			if !golden.SetupName.MatchString(key.Value) {
				r.wrong(key.Line, "%q is no name of a set-up: lower-case letters, digits and dashes", key.Value)
			}
			if key.Value == Alone {
				r.wrong(key.Line, "set-up %s is every server as it is: delete it", Alone)
			}
			f[key.Value] = func(v *yaml.Node) { s.Setups[key.Value] = r.setup(key, v) }
		}
		r.mapping(n, "setups", f)
	}
}

func (r *reader) setup(key, n *yaml.Node) *Setup {
	s := &Setup{Name: key.Value, Line: key.Line}
	r.mapping(n, "set-up "+s.Name, fields{
		"command": r.texts("command", &s.Command, nil),
		"env":     r.environment("env", &s.Env),
		"cannot":  r.text("cannot", &s.Cannot),
	})
	switch can := s.Command != nil || s.Env != nil; {
	case can && s.Cannot != "":
		r.wrong(s.Line, "set-up %s has a command or env, and says that it cannot", s.Name)
	case !can && s.Cannot == "":
		r.wrong(s.Line, "set-up %s is empty: give its command or env, or say why the server cannot", s.Name)
	}
	r.command(s.Line, s.Command)
	return s
}

// checkSetups finds the set-ups that no case asks for.
func (p *Plan) checkSetups() error {
	asked := map[string]bool{}
	for _, a := range p.Apps {
		for _, c := range a.Cases {
			if c.Setup != "" {
				asked[c.Setup] = true
			}
		}
	}
	var mistakes []error
	for _, s := range p.Servers {
		for _, name := range slices.Sorted(maps.Keys(s.Setups)) {
			if !asked[name] {
				what := fmt.Sprintf("no case asks for the set-up %q; %s", name, mistake.Nearest(name, slices.Collect(maps.Keys(asked))))
				mistakes = append(mistakes, &mistake.At{File: s.File, Line: s.Setups[name].Line, What: what})
			}
		}
	}
	return errors.Join(mistakes...)
}

// Part is the cases of a cell that share a container.
type Part struct {
	Setup  *Setup // nil: the server as it is
	Told   bool   // it has one case, which tells the server something: nothing else can be asked of it then
	Cannot string // why its cases cannot be played with this server; empty: they can
	Cases  []int  // indices into the cell's cases
}

// Parts divides a cell by the set-ups that its cases ask for, the server as it is first. A case that
// tells the server something has a container to itself. A set-up that the server.yaml does not name
// cannot be had.
func (c Cell) Parts() []Part {
	var parts []Part
	at := map[string]int{}
	for _, name := range append([]string{""}, c.setups()...) {
		at[name] = len(parts)
		parts = append(parts, c.part(name, nil))
	}
	for i, k := range c.Cases {
		if verbs := k.Tells(); len(verbs) > 0 {
			parts = append(parts, c.part(k.Setup, verbs))
			parts[len(parts)-1].Cases = []int{i}
			continue
		}
		parts[at[k.Setup]].Cases = append(parts[at[k.Setup]].Cases, i)
	}
	for i := range parts {
		slices.SortStableFunc(parts[i].Cases, func(a, b int) int { return crowdFirst(c.Cases[a].Crowd(), c.Cases[b].Crowd()) })
	}
	return slices.DeleteFunc(parts, func(p Part) bool { return len(p.Cases) == 0 })
}

// part is a container without its cases.
func (c Cell) part(setup string, verbs []golden.Verb) Part {
	p := Part{Setup: c.Server.setup(setup), Told: len(verbs) > 0}
	if p.Setup != nil && p.Setup.Cannot != "" {
		p.Cannot = fmt.Sprintf("the server cannot be set up as %s: %s", p.Setup.Name, p.Setup.Cannot)
		return p
	}
	for _, verb := range verbs {
		if t := c.Server.Told(verb); t.Cannot != "" {
			p.Cannot = fmt.Sprintf("the server cannot be told to %s: %s", verb, t.Cannot)
		}
	}
	return p
}

// crowdFirst orders cases by how many connections they await at once: the small crowd before the large
// one, and both before cases that await one. What a case leaves behind, a thread that spins say, would
// count against many clients at once first of all.
func crowdFirst(a, b int) int {
	if (a > 1) != (b > 1) {
		return cmp.Compare(b, a)
	}
	return cmp.Compare(a, b)
}

// setups are the names of those that the cell's cases ask for.
func (c Cell) setups() []string {
	asked := map[string]bool{}
	for _, k := range c.Cases {
		if k.Setup != "" {
			asked[k.Setup] = true
		}
	}
	return slices.Sorted(maps.Keys(asked))
}

func (s *Server) setup(name string) *Setup {
	switch name {
	case "":
		return nil
	case Alone:
		return &Setup{Name: name}
	}
	if found := s.Setups[name]; found != nil {
		return found
	}
	return &Setup{Name: name, Cannot: "its server.yaml names no set-up " + name}
}
