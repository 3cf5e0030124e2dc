// Package capability says which server does what: it weighs the cases of a run against the
// contract that they show. It owns the verdict on a line and on a feature, and the layout of
// capabilities.json; report renders it.
package capability

import (
	"slices"

	"wsgimatrix/matrix/results"
)

// Format names the layout of capabilities.json.
const Format = "wsgi-matrix/capabilities/1"

// Verdict is what the cases of a line say about a server.
type Verdict string

// The verdicts.
const (
	Yes     Verdict = "yes"     // every case agrees
	No      Verdict = "no"      // none does
	Partly  Verdict = "partly"  // some do
	Cannot  Verdict = "cannot"  // the server cannot be set up, or told, for any of them
	Unknown Verdict = "unknown" // a case was not run, or could not be judged
)

// Table is lines and features against servers.
type Table struct {
	Format   string    `json:"format"`
	Run      string    `json:"run"`
	App      string    `json:"app"`
	Partial  string    `json:"partial,omitempty"`
	Servers  []Server  `json:"servers"`
	Sections []Section `json:"sections"`
	Features []Row     `json:"features"`
}

// Server is a column.
type Server struct {
	Name    string           `json:"name"`
	Title   string           `json:"title"`
	Version string           `json:"version,omitempty"`
	Python  string           `json:"python,omitempty"`
	Ours    bool             `json:"ours,omitempty"`
	Levels  map[string]Tally `json:"levels"` // by must, should, may, policy
	Accepts *results.Accepts `json:"accepts,omitempty"`
}

// Tally is how many of a server's cases of one level agree.
type Tally struct {
	Held    int `json:"held"`
	Broken  int `json:"broken"`
	Unknown int `json:"unknown"`
}

// Section is a part of the contract.
type Section struct {
	Name string `json:"name"`
	Rows []Row  `json:"rows"`
}

// Row is a line of the contract, or a feature.
type Row struct {
	ID      string   `json:"id,omitempty"` // of a line
	Name    string   `json:"name"`
	Level   string   `json:"level,omitempty"`
	Source  string   `json:"source,omitempty"`
	Cases   []string `json:"cases"`
	Answers []Answer `json:"answers"` // one for each server
}

// Answer is what a server does about a row.
type Answer struct {
	Verdict Verdict  `json:"verdict"`
	Held    int      `json:"held"`             // cases that agree
	Of      int      `json:"of"`               // without those that ask for what the server cannot be set up as, or told
	Broken  []string `json:"broken,omitempty"` // the cases that do not
}

// Make makes the table of a run; nil: nothing in the run has a contract.
func Make(run *results.Run) *Table {
	if run.Contract == nil {
		return nil
	}
	m := maker{run: run, cells: map[string]*results.Cell{}}
	for i := range run.Cells {
		if c := &run.Cells[i]; c.App == run.Contract.App {
			m.cells[c.Server] = c
		}
	}
	t := &Table{Format: Format, Run: run.ID, App: run.Contract.App, Partial: run.Partial, Features: []Row{}}
	for i := range run.Servers {
		if s := &run.Servers[i]; m.cells[s.Name] != nil {
			m.servers = append(m.servers, s.Name)
			t.Servers = append(t.Servers, column(s, m.cells[s.Name]))
		}
	}
	if len(m.servers) == 0 {
		return nil
	}
	m.rows(t)
	return t
}

func column(s *results.Subject, cell *results.Cell) Server {
	out := Server{Name: s.Name, Title: s.Title, Version: s.Version, Python: s.Python, Ours: s.Ours, Levels: map[string]Tally{}, Accepts: s.Accepts}
	for i := range cell.Cases {
		c := &cell.Cases[i]
		if c.Cannot() {
			continue
		}
		tally := out.Levels[c.Level]
		switch {
		case c.Outcome == results.Pass, c.Aside():
			tally.Held++
		case c.Outcome == results.Known, c.Outcome == results.Fail:
			tally.Broken++
		default:
			tally.Unknown++
		}
		out.Levels[c.Level] = tally
	}
	return out
}

// maker makes one table.
type maker struct {
	run     *results.Run
	cells   map[string]*results.Cell // by server
	servers []string
}

func (m *maker) rows(t *Table) {
	citing := map[string][]string{}
	for _, c := range m.cells[m.servers[0]].Cases {
		for _, id := range results.LineIDs(c.Clauses) {
			citing[id] = append(citing[id], c.Name)
		}
	}
	for _, s := range m.run.Contract.Sections {
		section := Section{Name: s.Name, Rows: []Row{}}
		for _, l := range s.Lines {
			if cases := citing[l.ID]; len(cases) > 0 { // a run may hold a selection of cases
				section.Rows = append(section.Rows, Row{l.ID, l.Says, l.Level, l.Source, cases, m.answers(cases)})
			}
		}
		t.Sections = append(t.Sections, section)
	}
	for _, f := range m.run.Contract.Features {
		if cases := m.there(f.Cases); len(cases) > 0 {
			t.Features = append(t.Features, Row{Name: f.Name, Cases: cases, Answers: m.answers(cases)})
		}
	}
}

// there are those of the cases that the run holds.
func (m *maker) there(names []string) []string {
	var out []string
	for _, c := range m.cells[m.servers[0]].Cases {
		if slices.Contains(names, c.Name) {
			out = append(out, c.Name)
		}
	}
	return out
}

func (m *maker) answers(cases []string) []Answer {
	var out []Answer
	for _, s := range m.servers {
		out = append(out, answer(m.cells[s], cases))
	}
	return out
}

// answer weighs some cases of a cell. What is not known of one of them is not known of the row,
// unless another shows already that it is broken.
func answer(cell *results.Cell, cases []string) Answer {
	a := Answer{Of: len(cases)}
	for i := range cell.Cases {
		c := &cell.Cases[i]
		if !slices.Contains(cases, c.Name) {
			continue
		}
		switch {
		case c.Cannot():
			a.Of--
		case c.Outcome == results.Pass, c.Aside():
			a.Held++
		case c.Outcome == results.Known, c.Outcome == results.Fail:
			a.Broken = append(a.Broken, c.Name)
		}
	}
	switch {
	case a.Of == 0:
		a.Verdict = Cannot
	case a.Held == a.Of:
		a.Verdict = Yes
	case len(a.Broken) == a.Of:
		a.Verdict = No
	case len(a.Broken) > 0:
		a.Verdict = Partly
	default:
		a.Verdict = Unknown
	}
	return a
}
