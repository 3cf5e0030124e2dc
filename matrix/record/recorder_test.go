package record_test

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"wsgimatrix/matrix/record"
	"wsgimatrix/matrix/results"
)

// driver calls applications through the recorder, with wsgiref.validate on
// both sides of it, and fails where either complains or the recorder changes anything.
const driver = "testdata/driver.py"

// digest is of what the driver sends: printf 'ab\ncd\n' | sha256sum
const digest = "5141648ccbe924f6"

// recorded runs one way of the driver and returns its record.
func recorded(t *testing.T, way string) (*record.Record, []byte) {
	t.Helper()
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip(err)
	}
	file := filepath.Join(t.TempDir(), "record.jsonl")
	out, err := exec.CommandContext(t.Context(), python, "-B", driver, way, file).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", way, err, out)
	}
	data, err := exec.CommandContext(t.Context(), "cat", file).Output()
	if err != nil {
		t.Fatal(err)
	}
	r, err := record.Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	return r, data
}

var (
	ever  = time.Unix(0, 0)
	never = time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)
)

func TestRecorderIsTransparentAndSeesAll(t *testing.T) {
	for way, want := range map[string][]string{
		"validated":    {`environ REQUEST_METHOD = "POST"`, "wsgi.input is read", `start_response "200 OK"`, "iterated to the end", "close", "read in all: 6 bytes, sha256 " + digest + ", the last read empty: false"},
		"list":         {"the application returned list, without close()"},
		"lazy":         {"the application returned generator, with close()", "the first chunk: next", `start_response "200 OK"`, "close"},
		"write":        {"the first chunk: write"},
		"raises":       {"call raised KeyError"},
		"raises-late":  {"next raised KeyError", "close"},
		"exc-info":     {`start_response "500 Oops" with exc_info raised ValueError`},
		"file-wrapper": {"the application returned what wsgi.file_wrapper made: not wrapped, so what the server does with it is not seen"},
		"function":     {"the application returned what wsgi.file_wrapper made: not wrapped, so what the server does with it is not seen"},
		"input-fails":  {"read raised OSError"},
		"lines":        {"read in all: 6 bytes, sha256 " + digest + ", the last read empty: true"},
	} {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			r, data := recorded(t, way)
			calls := r.Between(ever, never).Calls
			if len(calls) != 1 {
				t.Fatalf("%d calls, want one:\n%s", len(calls), data)
			}
			for _, line := range want {
				if !slices.Contains(calls[0].Compared, line) {
					t.Errorf("no line %q in:\n%s", line, strings.Join(calls[0].Compared, "\n"))
				}
			}
			if r.Open(ever) {
				t.Errorf("the call is taken for one that goes on:\n%s", data)
			}
		})
	}
}

func TestProcessesWriteOneFile(t *testing.T) {
	r, data := recorded(t, "forked")
	if calls := r.Between(ever, never).Calls; len(calls) != 4*200 {
		t.Errorf("%d calls of four processes, want 800; the record has %d lines", len(calls), bytes.Count(data, []byte("\n")))
	}
}

func TestTheRecordIsBounded(t *testing.T) {
	r, data := recorded(t, "full")
	if !r.Full || len(data) > 10_000 {
		t.Errorf("full %t with %d bytes, want a record that ends at its limit and says so", r.Full, len(data))
	}
}

func TestImportErrorsStayVisible(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), "python3", "-B", "-c", "import recorder")
	cmd.Env = []string{"PYTHONPATH=../../ci/image", "PATH=/usr/bin:/bin", record.Variable + "=no_such_module:app"}
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "No module named 'no_such_module'") {
		t.Errorf("%v: %s", err, out)
	}
}

const sample = `{"id":"7-1","t":1000000000,"e":"call","taken":0,"digest":"e3","environ":{"REQUEST_METHOD":"HEAD","CONTENT_LENGTH":"","REMOTE_PORT":"%s","wsgi.version":{"type":"tuple","is":"(1, 0)"}}}
{"id":"7-1","t":1000100000,"e":"return","type":"list","len":1}
{"id":"7-1","t":1000200000,"e":"next","size":3,"chunks":1,"type":"bytes"}
{"id":"7-1","t":1000300000,"e":"end","chunks":1}
{"id":"7-1","t":1000400000,"e":"clo`

func TestParse(t *testing.T) {
	r, err := record.Parse([]byte(sample))
	if err != nil {
		t.Fatal(err)
	}
	at := time.Unix(1, 0)
	if n := len(r.Between(at.Add(1), never).Calls) + len(r.Between(ever, at).Calls); n != 0 {
		t.Errorf("%d calls outside their window", n)
	}
	want := []string{
		`environ REQUEST_METHOD = "HEAD"`, "environ wsgi.version = <tuple> (1, 0)", "the application returned list, without close()",
		"the first chunk: next", "iterated to the end",
	}
	if got := r.Between(at, never).Calls[0].Compared; !slices.Equal(got, want) {
		t.Errorf("%q\nwant %q", got, want)
	}
	for _, bad := range []string{"nonsense\n", `{"id":"1","e":"next"}` + "\n"} {
		if _, err := record.Parse([]byte(bad)); err == nil || !strings.Contains(err.Error(), "line 1") {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestCompare(t *testing.T) {
	cell := func(server string, lines ...string) results.Cell {
		calls := []results.Call{}
		if len(lines) > 0 {
			calls = append(calls, results.Call{Compared: lines})
		}
		return results.Cell{Server: server, App: "bare", Cases: []results.Case{
			{Name: "head", Recorded: &results.Recorded{Calls: calls}},
			{Name: "same", Recorded: &results.Recorded{}},
			{Name: "not recorded"},
		}}
	}
	run := &results.Run{Cells: []results.Cell{cell("odd", "a", "close"), cell("one", "a", "b"), cell("two", "a", "b"), cell("three")}}
	differ, of := record.Compare(run)
	if of != 2 || len(differ) != 1 || differ[0].Case != "head" || len(differ[0].Groups) != 3 {
		t.Fatalf("%d: %+v", of, differ)
	}
	groups := differ[0].Groups
	if !slices.Equal(groups[0].Servers, []string{"one", "two"}) || groups[0].Diff != "" {
		t.Errorf("%+v", groups[0])
	}
	if d := groups[1].Diff; !strings.Contains(d, "-b\n+close") {
		t.Errorf("%s", d)
	}
	if h := record.Habits(differ); len(h) == 0 || h[0].Cases != 1 || !slices.Contains(h, record.Habit{Servers: "odd", Than: "one, two", Line: "close", Cases: 1}) {
		t.Errorf("%+v", h)
	}
	if !strings.Contains(groups[2].Text, "was not called") {
		t.Errorf("%+v", groups[2])
	}
}
