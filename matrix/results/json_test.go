package results_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"wsgimatrix/matrix/results"
)

// sample is a run in which every field of every type is set, and every outcome occurs.
func sample() *results.Run {
	known := results.Divergence{
		Case: "*/head", Differs: "the body*", Reason: "sends a body", Clause: "C86, RFC 9110 §9.3.2", Link: "https://example.org/1", Until: "2027-06-30",
	}
	exchange := results.Exchange{
		Line: 7, Connection: "main", Sent: "HEAD / HTTP/1.1\nHost: matrix.test\n\n", Golden: []string{"200 OK\n\n", "204 No Content\n\n"},
		Received: results.Bytes("HTTP/1.1 200 OK\r\n\r\n\xff\x00<script>"), Shown: "200 OK\n\n\\xff\\0<script>\n", Cut: true,
		Differences: []string{"the response to HEAD has a body (C86)"}, Diff: "--- golden\n+++ received\n@@ -1 +1 @@\n-a\n+b\n",
	}
	cell := results.Cell{
		Server: "gunicorn", App: "flask", Outcome: results.Error, Reason: "the server died: exit code 3", Seconds: 1.5, Start: 0.25,
		Log: results.Bytes("booting\n\xff"), Repro: "bin/matrix run --server gunicorn --app flask",
	}
	for o := results.Skip; o <= results.Error; o++ {
		cell.Cases = append(cell.Cases, results.Case{
			Name: "head-" + o.String(), Title: "HEAD", Level: "must", Clauses: []string{"C86"}, Link: "https://example.org/2",
			File: "apps/flask/cases/head.txtar", Outcome: o, Reason: "line 7: it differs", Known: &known, Seconds: 0.01,
			Repro: "bin/matrix run --case head", Exchanges: []results.Exchange{exchange}, Evidence: []results.Exchange{exchange},
			Blame: &results.Blame{Verdict: results.BlameServer, Says: "it passes on wsgiref"},
			Recorded: &results.Recorded{Cut: true, Calls: []results.Call{{
				Began: 0.001, Environ: map[string]string{"REQUEST_METHOD": "HEAD"}, Compared: []string{"close"},
				Events: []results.Event{{At: 0.002, What: "next", Size: 3, Says: "bytes"}},
			}}},
		})
	}
	started := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	bound := results.Bound{Most: 8190, AtLeast: true}
	accepts := results.Accepts{RequestLine: bound, Field: bound, Fields: bound, Body: bound}
	return &results.Run{
		Format: results.Format, ID: "20261122-100000-1", Started: started, Finished: started.Add(time.Minute), Partial: "interrupted",
		Command: []string{"bin/matrix", "run"}, Engine: results.Engine{Name: "docker", Version: "20.10.24", CPUs: 2, OS: "Debian 12"},
		Outcome: results.Error,
		Servers: []results.Subject{{Name: "gunicorn", Title: "Gunicorn", Model: "pre-fork", Version: "23.0.0", Python: "3.13.5",
			Image: "wsgi-matrix/server-gunicorn:abc", Ours: true, Accepts: &accepts, Known: []results.Divergence{known}}},
		Apps:  []results.Subject{{Name: "flask", Title: "Flask", Version: "3.1.1", Python: "3.13.5", Image: "wsgi-matrix/app-flask:abc"}},
		Cells: []results.Cell{cell},
		Contract: &results.Contract{
			App:      "probe",
			Sections: []results.Section{{Name: "Framing", Lines: []results.Line{{ID: "C86", Level: "must", Says: "HEAD has no body", Source: "RFC 9110 §9.3.2"}}}},
			Features: []results.Feature{{Name: "HEAD", Cases: []string{"head"}}},
		},
		Problems: []string{"servers/gunicorn/server.yaml:9: the known divergence */x matches nothing"},
	}
}

func written(t *testing.T, run *results.Run) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := results.Write(&b, run); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func schema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(results.Schema))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("results.schema.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("results.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func decoded(t *testing.T, data []byte) any {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

func TestWrittenRunsFollowTheSchema(t *testing.T) {
	started := time.Date(2026, 11, 22, 10, 0, 0, 0, time.FixedZone("CET", 3600))
	runs := map[string]*results.Run{
		"full":  sample(),
		"empty": {ID: "1", Started: started, Finished: started},
		"bare": {ID: "1", Cells: []results.Cell{{Server: "s", App: "a", Cases: []results.Case{{
			Name: "c", Level: "may", Exchanges: []results.Exchange{{}}, Evidence: []results.Exchange{{}},
		}}}, {Server: "s", App: "b"}}},
	}
	for name, run := range runs {
		t.Run(name, func(t *testing.T) {
			if err := schema(t).Validate(decoded(t, written(t, run))); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestWriteReadKeepsEverything(t *testing.T) {
	want := sample()
	got, err := results.Read(bytes.NewReader(written(t, want)))
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("came back as\n%+v\nnot\n%+v", got, want)
	}
}

func TestTheSampleIsFull(t *testing.T) {
	if path := emptyField(reflect.ValueOf(*sample()), "run"); path != "" {
		t.Errorf("%s is not set: the sample does not test it", path)
	}
}

// emptyField names a field that is its zero value; outcomes and flags may be.
func emptyField(v reflect.Value, path string) string {
	switch {
	case v.Type() == reflect.TypeFor[time.Time](), v.Type() == reflect.TypeFor[results.Outcome](), v.Kind() == reflect.Bool:
		return ""
	case v.IsZero():
		return path
	}
	switch v.Kind() {
	case reflect.Pointer:
		return emptyField(v.Elem(), path)
	case reflect.Slice:
		return emptyField(v.Index(0), path+"[0]")
	case reflect.Struct:
		for i := range v.NumField() {
			name := v.Type().Field(i).Name
			if v.Type() == reflect.TypeFor[results.Subject]() && path == "run.Apps[0]" && (name == "Model" || name == "Known" || name == "Accepts") {
				continue // of servers alone
			}
			if found := emptyField(v.Field(i), path+"."+name); found != "" {
				return found
			}
		}
	}
	return ""
}

// objects are the paths of the sample's objects whose fields the schema lists.
var objects = [][]any{
	{}, {"engine"}, {"servers", 0}, {"servers", 0, "known", 0}, {"apps", 0}, {"cells", 0},
	{"cells", 0, "cases", 0}, {"cells", 0, "cases", 0, "known"}, {"cells", 0, "cases", 0, "exchanges", 0},
	{"cells", 0, "cases", 0, "recorded"},
}

// optional are the fields that may be missing, by the object's path without numbers.
var optional = map[string][]string{
	"":                      {"partial", "problems", "contract"},
	"servers":               {"model", "version", "python", "image", "ours", "accepts", "known"},
	"servers.known":         {"differs", "clause", "link"},
	"apps":                  {"model", "version", "python", "image", "ours", "known"},
	"cells":                 {"reason", "log"},
	"cells.cases":           {"clauses", "link", "reason", "known", "exchanges", "evidence", "blame", "recorded"},
	"cells.cases.known":     {"differs", "clause", "link"},
	"cells.cases.exchanges": {"cut", "diff"},
	"cells.cases.recorded":  {"cut"},
}

func dotted(path []any) string {
	var names []string
	for _, step := range path {
		if name, ok := step.(string); ok {
			names = append(names, name)
		}
	}
	return strings.Join(names, ".")
}

func TestTheSchemaRefusesMissingFields(t *testing.T) {
	s := schema(t)
	data := written(t, sample())
	for _, path := range objects {
		for _, field := range slices.Sorted(maps.Keys(at(decoded(t, data), path))) {
			doc := decoded(t, data)
			delete(at(doc, path), field)
			err := s.Validate(doc)
			if may := slices.Contains(optional[dotted(path)], field); may != (err == nil) {
				t.Errorf("%v without %q: may be missing: %v, error: %v", path, field, may, err)
			}
		}
	}
}

func TestTheSchemaRefusesUnknownFields(t *testing.T) {
	s := schema(t)
	data := written(t, sample())
	for _, path := range objects {
		doc := decoded(t, data)
		at(doc, path)["unheard-of"] = "x"
		if s.Validate(doc) == nil {
			t.Errorf("%v with an unknown field passes", path)
		}
	}
}

func TestTheSchemaRefusesWrongValues(t *testing.T) {
	s := schema(t)
	data := written(t, sample())
	tests := []struct {
		path  []any
		field string
		value any
	}{
		{nil, "format", "wsgi-matrix/results/2"},
		{nil, "outcome", "passed"},
		{nil, "started", "yesterday"},
		{nil, "cells", nil},
		{[]any{"engine"}, "cpus", "2"},
		{[]any{"servers", 0}, "name", ""},
		{[]any{"servers", 0, "known", 0}, "until", "2027-02-30"},
		{[]any{"cells", 0}, "seconds", json.Number("-1")},
		{[]any{"cells", 0}, "log", map[string]any{"base64": "not base64"}},
		{[]any{"cells", 0, "cases", 0}, "level", "shall"},
		{[]any{"cells", 0, "cases", 0, "exchanges", 0}, "received", map[string]any{}},
	}
	for _, test := range tests {
		doc := decoded(t, data)
		at(doc, test.path)[test.field] = test.value
		if s.Validate(doc) == nil {
			t.Errorf("%v.%s = %v passes", test.path, test.field, test.value)
		}
	}
}

func at(doc any, path []any) map[string]any {
	for _, step := range path {
		switch step := step.(type) {
		case string:
			doc = doc.(map[string]any)[step]
		case int:
			doc = doc.([]any)[step]
		}
	}
	return doc.(map[string]any)
}

func TestReadRefuses(t *testing.T) {
	good := string(written(t, sample()))
	tests := map[string]struct{ text, want string }{
		"nothing":        {"", "line 1: the file ends here"},
		"half":           {good[:len(good)/2], "the file ends here"},
		"no JSON":        {"{\n\"format\": !}", "line 2: invalid character"},
		"another layout": {strings.Replace(good, results.Format, "wsgi-matrix/results/9", 1), `the format is "wsgi-matrix/results/9"`},
		"no layout":      {"{}", `the format is ""`},
		"unknown field":  {strings.Replace(good, `"id":`, `"ident":`, 1), `unknown field "ident"`},
		"unknown word":   {strings.Replace(good, `"outcome": "error"`, `"outcome": "bad"`, 1), `no such outcome: "bad"`},
		"wrong type":     {strings.Replace(good, `"cpus": 2`, `"cpus": "2"`, 1), "line 14: json: cannot unmarshal string"},
		"bad base64":     {strings.Replace(good, `"base64": "`, `"base64": "%`, 1), "illegal base64"},
		"no bytes":       {strings.Replace(good, `"base64": "`, `"base46": "`, 1), `neither a string nor {"base64": …}`},
		"two runs":       {good + good, "something follows the run"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := results.Read(strings.NewReader(test.text))
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want one that says %q", err, test.want)
			}
		})
	}
}

func TestWriteRefusesAnotherLayout(t *testing.T) {
	run := sample()
	run.Format = "wsgi-matrix/results/9"
	if err := results.Write(new(bytes.Buffer), run); err == nil {
		t.Error("it was written")
	}
}

func TestWriteLeavesTheRunAlone(t *testing.T) {
	run := &results.Run{Cells: []results.Cell{{Cases: []results.Case{{Exchanges: []results.Exchange{{}}}}}, {}}}
	written(t, run)
	if run.Format != "" || run.Cells[1].Cases != nil || run.Cells[0].Cases[0].Exchanges[0].Golden != nil {
		t.Errorf("it was changed: %+v", run)
	}
}
