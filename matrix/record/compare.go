package record

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"wsgimatrix/matrix/diff"
	"wsgimatrix/matrix/results"
)

// Difference is a case of an app in which servers differ on the WSGI side.
type Difference struct {
	App, Case string
	Groups    []Group // the largest first
}

// Group are servers that did the same.
type Group struct {
	Servers []string
	Text    string // the normalised conversation
	Diff    string // from the first group's to it, unified; of the first group none
}

// Compare says in which cases of a run servers differ, and how many were held against each other.
func Compare(run *results.Run) (differ []Difference, of int) {
	type key struct{ app, name string }
	byCase, order := map[key]*Difference{}, []key{}
	met := map[key]int{}
	for i := range run.Cells {
		cell := &run.Cells[i]
		for k := range cell.Cases {
			c := &cell.Cases[k]
			if c.Recorded == nil || c.Recorded.Cut {
				continue
			}
			at := key{cell.App, c.Name}
			if byCase[at] == nil {
				byCase[at] = &Difference{App: cell.App, Case: c.Name}
				order = append(order, at)
			}
			met[at]++
			byCase[at].add(cell.Server, text(c.Recorded))
		}
	}
	for _, at := range order {
		if met[at] > 1 {
			of++
		}
		if d := byCase[at]; len(d.Groups) > 1 {
			d.finish()
			differ = append(differ, *d)
		}
	}
	return differ, of
}

// add puts a server into the group of those that did the same.
func (d *Difference) add(server, text string) {
	for i := range d.Groups {
		if d.Groups[i].Text == text {
			d.Groups[i].Servers = append(d.Groups[i].Servers, server)
			return
		}
	}
	d.Groups = append(d.Groups, Group{Servers: []string{server}, Text: text})
}

func (d *Difference) finish() {
	slices.SortStableFunc(d.Groups, func(a, b Group) int { return cmp.Compare(len(b.Servers), len(a.Servers)) })
	first := &d.Groups[0]
	for i := range d.Groups[1:] {
		g := &d.Groups[1+i]
		g.Diff = diff.Unified(strings.Join(first.Servers, ", "), strings.Join(g.Servers, ", "), first.Text, g.Text, 2)
	}
}

// Habit is a line by which servers differ, and in how many cases.
type Habit struct {
	Servers string // those that have it
	Than    string // the larger group, that has not
	Line    string
	Cases   int
}

// Habits are the lines of all differences, the most frequent first: most differences are a server's
// one habit, in case after case.
func Habits(differ []Difference) []Habit {
	counts, order := map[Habit]int{}, []Habit{}
	note := func(h Habit) {
		if counts[h] == 0 {
			order = append(order, h)
		}
		counts[h]++
	}
	for i := range differ {
		first := strings.Join(differ[i].Groups[0].Servers, ", ")
		for _, g := range differ[i].Groups[1:] {
			for _, h := range changed(g.Diff, strings.Join(g.Servers, ", "), first) {
				note(h)
			}
		}
	}
	for i := range order {
		order[i].Cases = counts[order[i]]
	}
	slices.SortStableFunc(order, func(a, b Habit) int { return cmp.Compare(b.Cases, a.Cases) })
	return order
}

// changed are the lines of a unified diff that one side alone has, each once.
func changed(diff, here, there string) (all []Habit) {
	_, hunks, _ := strings.Cut(diff, "@@") // after the names of both sides
	for line := range strings.Lines(hunks) {
		h := Habit{Servers: here, Than: there, Line: strings.TrimSpace(line[1:])}
		switch line[0] {
		case '-':
			h.Servers, h.Than = there, here
		case '+':
		default:
			continue
		}
		if !slices.Contains(all, h) {
			all = append(all, h)
		}
	}
	return all
}

// text is a normalised conversation as a whole.
func text(r *results.Recorded) string {
	if len(r.Calls) == 0 {
		return "the application was not called\n"
	}
	var b strings.Builder
	for i := range r.Calls {
		fmt.Fprintf(&b, "call %d\n", i+1)
		for _, line := range r.Calls[i].Compared {
			b.WriteString(line + "\n")
		}
	}
	return b.String()
}
