package report

import (
	"fmt"
	"strings"

	"wsgimatrix/matrix/results"
)

// row is a server of the grid with one square for each app.
type row struct {
	Server  subjectView
	Squares []square
}

// square is a cell in the grid.
type square struct {
	There   bool
	ID      string
	Outcome results.Outcome
	Label   string // for who cannot see it
	Main    int    // the number that matters most
	Rest    []outcomeCount
}

// rows are the grid; a server and an app that do not meet leave a gap.
func rows(run *results.Run) []row {
	cells := make(map[string]*results.Cell, len(run.Cells))
	for i := range run.Cells {
		cells[cellID(&run.Cells[i])] = &run.Cells[i]
	}
	all := make([]row, len(run.Servers))
	for i := range run.Servers {
		all[i].Server = viewSubject(&run.Servers[i])
		for k := range run.Apps {
			id := anchor(run.Servers[i].Name, run.Apps[k].Name)
			app := viewSubject(&run.Apps[k])
			all[i].Squares = append(all[i].Squares, viewSquare(id, cells[id], all[i].Server.Title, app.Title))
		}
	}
	return all
}

func viewSquare(id string, cell *results.Cell, server, app string) square {
	if cell == nil {
		return square{Label: server + " with " + app + ": not in this run"}
	}
	s := square{There: true, ID: id, Outcome: cell.Outcome, Main: cell.Count(cell.Outcome)}
	var said []string
	for _, o := range outcomes {
		n := cell.Count(o)
		if n == 0 {
			continue
		}
		said = append(said, fmt.Sprintf("%d %s", n, outcomeWords[o]))
		if o != cell.Outcome {
			s.Rest = append(s.Rest, outcomeCount{Outcome: o, N: n})
		}
	}
	s.Label = fmt.Sprintf("%s with %s: %s", server, app, outcomeWords[cell.Outcome])
	if len(said) > 0 {
		s.Label += " (" + strings.Join(said, ", ") + ")"
	}
	return s
}

// anchor is an id made of names, such as gunicorn.flask.head: what is no letter, digit or dash in them becomes _.
func anchor(names ...string) string {
	clean := make([]string, len(names))
	for i, name := range names {
		clean[i] = strings.Map(func(r rune) rune {
			if r == '-' || '0' <= r && r <= '9' || 'A' <= r && r <= 'Z' || 'a' <= r && r <= 'z' {
				return r
			}
			return '_'
		}, name)
	}
	return strings.Join(clean, ".")
}

func cellID(cell *results.Cell) string { return anchor(cell.Server, cell.App) }

func caseID(cell *results.Cell, c *results.Case) string { return anchor(cell.Server, cell.App, c.Name) }
