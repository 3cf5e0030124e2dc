package plan

import (
	"slices"
	"testing"

	"wsgimatrix/matrix/golden"
)

// TestTold: what a server.yaml does not say the server cannot be told, but for its end.
func TestTold(t *testing.T) {
	s := &Server{Stop: "SIGINT"}
	if got := s.Told(golden.Stop); got.Signal != "SIGINT" || got.Cannot != "" {
		t.Errorf("told to stop by %+v", got)
	}
	if got := s.Told(golden.Reload); got.Cannot != "its server.yaml does not say how" {
		t.Errorf("told to reload by %+v", got)
	}
	s.Tell = map[golden.Verb]*Tell{golden.Stop: {Signal: "SIGQUIT"}}
	if got := s.Told(golden.Stop); got.Signal != "SIGQUIT" {
		t.Errorf("told to stop by %+v", got)
	}
}

// TestPartsOfTellingCases: each has a container to itself, behind those of the others.
func TestPartsOfTellingCases(t *testing.T) {
	parse := func(name, text string) *golden.Case {
		c, err := golden.Parse(name, name, []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	const plain = "T\ngolden: wire\n\n-- send --\nGET / HTTP/1.1\n\n-- expect --\n200 OK\n"
	cell := Cell{Server: &Server{Stop: "SIGTERM"}, Cases: []*golden.Case{
		parse("a", plain+"-- tell stop --\n"), parse("b", plain), parse("c", plain+"-- tell reload --\n"), parse("d", plain),
	}}
	parts := cell.Parts()
	if len(parts) != 3 {
		t.Fatalf("%d parts: %+v", len(parts), parts)
	}
	if p := parts[0]; p.Told || len(p.Cases) != 2 || p.Cases[0] != 1 || p.Cases[1] != 3 {
		t.Errorf("the first part is %+v", p)
	}
	if p := parts[1]; !p.Told || p.Cannot != "" || len(p.Cases) != 1 || p.Cases[0] != 0 {
		t.Errorf("the second part is %+v", p)
	}
	if p := parts[2]; p.Cannot != "the server cannot be told to reload: its server.yaml does not say how" || p.Cases[0] != 2 {
		t.Errorf("the third part is %+v", p)
	}
}

// A crowd comes first: what other cases leave behind would count against it.
func TestACrowdComesFirst(t *testing.T) {
	one := func(times int) *golden.Case {
		return &golden.Case{Steps: []golden.Step{{Kind: golden.Send, Times: times}, {Kind: golden.Expect, Times: times}}}
	}
	cell := Cell{Server: &Server{}, App: &App{}, Cases: []*golden.Case{one(1), one(100), one(1), one(40)}}
	if got, want := cell.Parts()[0].Cases, []int{3, 1, 0, 2}; !slices.Equal(got, want) {
		t.Errorf("the order is %v, want %v", got, want)
	}
}
