package main

import (
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"wsgimatrix/matrix/plan"
)

func (t *tool) listCommand() *cobra.Command {
	var s selection
	c := &cobra.Command{
		Use:   "list",
		Short: "List the servers, apps and cases",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			p, err := t.load(s)
			if err != nil {
				return err
			}
			return list(t.out, p)
		},
	}
	s.flags(c, true)
	return c
}

// list prints what a run of the plan would run.
func list(out io.Writer, p *plan.Plan) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	line := func(format string, args ...any) { _, _ = fmt.Fprintf(w, format+"\n", args...) } // Flush tells
	line("servers: %d", len(p.Servers))
	for _, s := range p.Servers {
		cells, cases := count(p, func(c plan.Cell) bool { return c.Server == s })
		line("  %s\t%s\t%s\t%s\t%d known", s.Name, s.Title, plural(cells, "cell"), plural(cases, "case"), len(s.Known))
	}
	line("apps: %d", len(p.Apps))
	for _, a := range p.Apps {
		cells, cases := count(p, func(c plan.Cell) bool { return c.App == a })
		line("  %s\t%s\t%s\t%s", a.Name, a.Title, plural(cells, "cell"), plural(cases, "case"))
	}
	names, apps := byCase(p)
	line("cases: %d", len(names))
	for _, name := range names {
		line("  %s\t%s", name, strings.Join(apps[name], " "))
	}
	for _, e := range p.Excluded {
		line("left out: %s with %s: %s", e.Server, e.App, e.Reason)
	}
	line("in all: %s, %s", plural(len(p.Cells), "cell"), plural(p.Count(), "case"))
	return w.Flush()
}

func count(p *plan.Plan, of func(plan.Cell) bool) (cells, cases int) {
	for _, c := range p.Cells {
		if of(c) {
			cells++
			cases += len(c.Cases)
		}
	}
	return cells, cases
}

// byCase gives the cases' names, and the apps that have each.
func byCase(p *plan.Plan) (names []string, apps map[string][]string) {
	apps = map[string][]string{}
	for _, c := range p.Cells {
		for _, name := range c.Names() {
			if !slices.Contains(apps[name], c.App.Name) {
				apps[name] = append(apps[name], c.App.Name)
			}
		}
	}
	for name := range apps {
		names = append(names, name)
	}
	slices.Sort(names)
	return names, apps
}

// version is set by the linker in a release.
var version = "dev"

func (t *tool) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprintf(t.out, "matrix %s%s %s %s/%s\n", version, revision(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
			return err
		},
	}
}

// revision is the commit that this was built from, where Go has noted it.
func revision() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			return " " + s.Value[:min(12, len(s.Value))]
		}
	}
	return ""
}
