package capability

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"

	"wsgimatrix/matrix/results"
)

// run is two servers with an app that has a contract, and an app that has none.
func run() *results.Run {
	said := func(texts ...string) (all []results.Exchange) {
		for i, text := range texts {
			all = append(all, results.Exchange{Line: 10 * (i + 1), Sent: "GET /\n", Shown: text})
		}
		return all
	}
	one := func(name, level, clause string, o results.Outcome, texts ...string) results.Case {
		return results.Case{Name: name, Level: level, Clauses: []string{clause}, Outcome: o, Evidence: said(texts...)}
	}
	known := func(c results.Case) results.Case {
		c.Known = &results.Divergence{Case: "probe/" + c.Name}
		return c
	}
	return &results.Run{
		ID:      "one",
		Servers: []results.Subject{{Name: "a", Title: "A", Version: "1.0", Ours: true}, {Name: "b", Title: "B"}, {Name: "c", Title: "never met the probe"}},
		Contract: &results.Contract{
			App: "probe",
			Sections: []results.Section{
				{Name: "first", Lines: []results.Line{{ID: "C1", Level: "must", Says: "one", Source: "RFC 1"}, {ID: "C2", Level: "should", Says: "two", Source: "RFC 2"}}},
				{Name: "second", Lines: []results.Line{{ID: "C3", Level: "may", Says: "three", Source: "RFC 3"}, {ID: "C4", Level: "must", Says: "not selected", Source: "RFC 4"}}},
			},
			Features: []results.Feature{{Name: "both", Cases: []string{"x", "y"}}, {Name: "not selected", Cases: []string{"w"}}},
		},
		Cells: []results.Cell{
			{Server: "a", App: "bare", Cases: []results.Case{one("x", "must", "C1", results.Fail)}},
			{Server: "a", App: "probe", Cases: []results.Case{
				one("x", "must", "C1, RFC 1", results.Pass, "200 OK\n"), one("y", "should", "C1, C2", results.Pass, "200 OK\n"), one("z", "may", "C3", results.Skip),
			}},
			{Server: "b", App: "probe", Cases: []results.Case{
				one("x", "must", "C1, RFC 1", results.Pass, "200 OK\n"), known(one("y", "should", "C1, C2", results.Known, "500 No\n")), one("z", "may", "C3", results.Error),
			}},
		},
	}
}

func TestTable(t *testing.T) {
	got := Make(run())
	if n := len(got.Servers); n != 2 {
		t.Fatalf("%d servers, want those that met the app", n)
	}
	if want := (map[string]Tally{"must": {Held: 1}, "should": {Broken: 1}, "may": {Unknown: 1}}); !reflect.DeepEqual(got.Servers[1].Levels, want) {
		t.Errorf("b: %v, want %v", got.Servers[1].Levels, want)
	}
	want := []Section{
		{"first", []Row{
			{"C1", "one", "must", "RFC 1", []string{"x", "y"}, []Answer{{Yes, 2, 2, nil}, {Partly, 1, 2, []string{"y"}}}},
			{"C2", "two", "should", "RFC 2", []string{"y"}, []Answer{{Yes, 1, 1, nil}, {No, 0, 1, []string{"y"}}}},
		}},
		{"second", []Row{{"C3", "three", "may", "RFC 3", []string{"z"}, []Answer{{Unknown, 0, 1, nil}, {Unknown, 0, 1, nil}}}}},
	}
	if !reflect.DeepEqual(got.Sections, want) {
		t.Errorf("sections\n%+v, want\n%+v", got.Sections, want)
	}
	if f := got.Features; len(f) != 1 || f[0].Name != "both" || f[0].Answers[1].Verdict != Partly {
		t.Errorf("features %+v", f)
	}
}

// What a server cannot be set up as is neither held nor broken.
func TestCannot(t *testing.T) {
	r := run()
	b := r.Cells[2].Cases
	b[1].Known = nil
	got := Make(r)
	if want := (map[string]Tally{"must": {Held: 1}, "may": {Unknown: 1}}); !reflect.DeepEqual(got.Servers[1].Levels, want) {
		t.Errorf("b: %v, want %v", got.Servers[1].Levels, want)
	}
	rows := got.Sections[0].Rows
	if a := rows[0].Answers[1]; !reflect.DeepEqual(a, Answer{Yes, 1, 1, nil}) {
		t.Errorf("C1: %+v", a)
	}
	if a := rows[1].Answers[1]; !reflect.DeepEqual(a, Answer{Cannot, 0, 0, nil}) {
		t.Errorf("C2: %+v", a)
	}
}

func TestNoContractNoTable(t *testing.T) {
	r := run()
	r.Contract = nil
	if got := Make(r); got != nil {
		t.Errorf("%+v", got)
	}
	r = run()
	r.Cells = r.Cells[:1] // the probe was not selected
	if got := Make(r); got != nil {
		t.Errorf("%+v", got)
	}
}

func TestEvidenceIsGathered(t *testing.T) {
	got := Gather(run())
	if len(got) != 3 || got[0].Case.Name != "x" {
		t.Fatalf("%+v", got)
	}
	if a := got[0].Answers; len(a) != 1 || !reflect.DeepEqual(a[0].Servers, []string{"a", "b"}) {
		t.Errorf("x, which both answer alike: %+v", a)
	}
	if a := got[1].Answers; len(a) != 2 || a[1].Outcome != results.Known || a[1].Exchanges[0].Shown != "500 No\n" {
		t.Errorf("y, which they answer differently: %+v", a)
	}
}

func TestJSON(t *testing.T) {
	var b bytes.Buffer
	if err := Make(run()).Write(&b); err != nil {
		t.Fatal(err)
	}
	var back Table
	if err := json.Unmarshal(b.Bytes(), &back); err != nil {
		t.Fatal(err)
	}
	if back.Format != Format || !reflect.DeepEqual(back.Sections, Make(run()).Sections) {
		t.Errorf("read back: %+v", back)
	}
}

// A difference that has nothing to do with a line is no answer to it.
func TestADifferenceAside(t *testing.T) {
	for clause, want := range map[string]Verdict{"C4, RFC 9110": Yes, "C1, RFC 9110": Partly} {
		r := run()
		c := &r.Cells[2].Cases[1]
		c.Clauses = []string{"C1, C2"}
		c.Known.Differs, c.Known.Clause = "Date is missing*", clause
		if got := Make(r).Sections[0].Rows[0].Answers[1].Verdict; got != want {
			t.Errorf("known for %s: line C1 is %s, want %s", clause, got, want)
		}
	}
}
