package plan

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"

	"gopkg.in/yaml.v3"

	"wsgimatrix/matrix/golden"
	"wsgimatrix/matrix/mistake"
	"wsgimatrix/matrix/results"
)

// contractFile is what an app may have beside its app.yaml.
const contractFile = "contract.yaml"

// contract is a contract.yaml on its way to a results.Contract.
type contract struct {
	*reader
	cases    []*golden.Case
	lines    []results.Line
	at       map[string]int // the line of the file that a contract line stands on
	sections []*section
	features []results.Feature
}

// section is a part of the contract, from one line of it to the next section.
type section struct {
	name, from string
	at         int
}

// loadContract reads an app's contract, if it has one. Each of its lines must have a case, and
// each line that a case cites must stand in it.
func loadContract(a *App) (*results.Contract, error) {
	c := &contract{reader: &reader{file: filepath.Join(a.Dir, contractFile)}, cases: a.Cases, at: map[string]int{}}
	if _, err := os.Stat(c.file); errors.Is(err, fs.ErrNotExist) {
		return nil, nil //nolint:nilnil // most apps have none
	}
	n := c.read()
	if n == nil {
		return nil, c.err()
	}
	c.mapping(n, contractFile, fields{
		"lines":    c.line,
		"sections": c.items("sections", c.section),
		"features": c.items("features", c.feature),
	})
	c.required(n, contractFile, "sections", "lines")
	c.cited()
	out := &results.Contract{App: a.Name, Sections: c.divide(), Features: c.features}
	return out, c.err()
}

var lineID = regexp.MustCompile(`^C[1-9][0-9]*$`)

// line reads the lines, which are a mapping.
func (c *contract) line(n *yaml.Node) {
	f := fields{}
	for i := 0; n.Kind == yaml.MappingNode && i < len(n.Content); i += 2 {
		key := n.Content[i]
		if !lineID.MatchString(key.Value) {
			c.wrong(key.Line, "%q is no number of a line: write C51", key.Value)
		}
		f[key.Value] = func(v *yaml.Node) {
			l := results.Line{ID: key.Value}
			c.mapping(v, key.Value, fields{
				"level": c.choice("level", &l.Level, "must", "should", "may", "policy"), "says": c.text("says", &l.Says), "source": c.text("source", &l.Source),
			})
			c.required(v, key.Value, "level", "says", "source")
			c.at[l.ID] = key.Line
			c.lines = append(c.lines, l)
		}
	}
	c.mapping(n, "lines", f)
}

func (c *contract) section(n *yaml.Node) {
	s := &section{at: n.Line}
	c.mapping(n, "a section", fields{"name": c.text("name", &s.name), "from": c.text("from", &s.from)})
	c.required(n, "a section", "name", "from")
	c.sections = append(c.sections, s)
}

func (c *contract) feature(n *yaml.Node) {
	var f results.Feature
	var patterns []string
	c.mapping(n, "a feature", fields{
		"name":  c.text("name", &f.Name),
		"cases": c.texts("cases", &patterns, func(line int, pattern string) { f.Cases = append(f.Cases, c.matching(line, pattern)...) }),
	})
	c.required(n, "a feature", "name", "cases")
	c.features = append(c.features, f)
}

// matching are the names of the cases that a pattern speaks of.
func (c *contract) matching(line int, pattern string) (names []string) {
	if !c.pattern(line, pattern) {
		return nil
	}
	for _, k := range c.cases {
		if match(pattern, k.Name) {
			names = append(names, k.Name)
		}
	}
	if len(names) == 0 {
		c.wrong(line, "no case matches %q", pattern)
	}
	return names
}

// cited holds lines and cases against each other.
func (c *contract) cited() {
	shown := map[string]bool{}
	for _, k := range c.cases {
		for _, id := range results.LineIDs(k.Clauses) {
			if c.at[id] == 0 {
				c.mistakes = append(c.mistakes, &mistake.At{File: k.File, Line: 1, What: id + " is no line of " + c.file})
			}
			shown[id] = true
		}
	}
	for _, l := range c.lines {
		if !shown[l.ID] {
			c.wrong(c.at[l.ID], "%s has no case: none cites it as its clause", l.ID)
		}
	}
}

// divide puts the lines into their sections.
func (c *contract) divide() (out []results.Section) {
	starts := map[string]*section{}
	for _, s := range c.sections {
		if c.at[s.from] == 0 {
			c.wrong(s.at, "the section begins at %q, which is no line", s.from)
		}
		starts[s.from] = s
	}
	for _, l := range c.lines {
		if s := starts[l.ID]; s != nil {
			out = append(out, results.Section{Name: s.name})
		}
		if len(out) == 0 {
			c.wrong(c.at[l.ID], "%s stands before the first section", l.ID)
			return nil
		}
		last := &out[len(out)-1]
		last.Lines = append(last.Lines, l)
	}
	return slices.Clip(out)
}
