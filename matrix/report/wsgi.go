package report

import (
	"strings"

	"wsgimatrix/matrix/record"
	"wsgimatrix/matrix/results"
)

// wsgiView is what the recorder has seen servers do differently.
type wsgiView struct {
	Differ, Of int
	Habits     []record.Habit
	Cases      []wsgiCase
}

// wsgiCase is a case in which servers differ.
type wsgiCase struct {
	App, Case string
	Groups    []wsgiGroup
}

// wsgiGroup are servers that did the same: the first as it is, the others as the diff to it.
type wsgiGroup struct{ Servers, Text string }

// mostHabits are shown: what is rarer is seen in its case.
const mostHabits = 40

// wsgiSide is nil when nothing was recorded.
func wsgiSide(run *results.Run) *wsgiView {
	differ, of := record.Compare(run)
	if of == 0 {
		return nil
	}
	v := &wsgiView{Differ: len(differ), Of: of}
	servers, apps := names(run.Servers), names(run.Apps)
	for _, h := range record.Habits(differ) {
		if len(v.Habits) < mostHabits {
			h.Line, h.Servers, h.Than = visible(h.Line), oneLine(h.Servers), oneLine(h.Than)
			v.Habits = append(v.Habits, h)
		}
	}
	for i := range differ {
		d := &differ[i]
		c := wsgiCase{App: titled(apps, d.App), Case: oneLine(d.Case)}
		for _, g := range d.Groups {
			c.Groups = append(c.Groups, wsgiGroupView(servers, g))
		}
		v.Cases = append(v.Cases, c)
	}
	return v
}

func wsgiGroupView(servers map[string]string, g record.Group) wsgiGroup {
	var titles []string
	for _, name := range g.Servers {
		titles = append(titles, titled(servers, name))
	}
	text := g.Text
	if g.Diff != "" {
		text = g.Diff
	}
	lines := splitLines(text)
	return wsgiGroup{strings.Join(titles, ", "), strings.Join(visibleAll(lines), "\n")}
}
