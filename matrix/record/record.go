// Package record reads what the recorder (ci/image/recorder.py) has written in a cell, says which
// case a call belongs to, and compares servers by it.
package record

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"wsgimatrix/matrix/results"
)

// How a cell is started with the recorder. These are ci/image/recorder.py's own words.
const (
	Callable = "recorder:app"
	Variable = "WSGI_MATRIX_RECORDED" // holds the module:callable that is recorded
	File     = "/tmp/wsgi-matrix-record.jsonl"
	Folder   = "/usr/local/lib/wsgi-matrix" // where it lies in an image
)

// event is one line of a record.
type event struct {
	ID          string
	T           int64 // nanoseconds since 1970
	E           string
	Environ     map[string]value
	Taken       int    // bytes read until now
	Digest      string // of them
	Size        int
	Took        int64
	Type        string
	Args        []any
	Where       string // what raised
	Exception   string
	Raised      string // by start_response
	Says        string
	Status      value
	Headers     [][2]string
	ExcInfo     bool `json:"exc_info"`
	Close       bool // what the application returned has one
	FileWrapper bool `json:"file_wrapper"`
	AsIs        bool `json:"as_is"` // it is not wrapped: nothing more is seen
}

// value is one of the environ's: text, or what it is.
type value struct {
	Text, Type, Is string
}

// UnmarshalJSON reads both forms.
func (v *value) UnmarshalJSON(data []byte) error {
	if len(data) > 0 && data[0] == '"' {
		v.Type = "str"
		return json.Unmarshal(data, &v.Text)
	}
	var other struct{ Type, Is string }
	err := json.Unmarshal(data, &other)
	v.Type, v.Is = other.Type, other.Is
	return err
}

func (v value) String() string {
	switch {
	case v.Type == "str" && v.Is == "":
		return v.Text
	case v.Is != "":
		return fmt.Sprintf("<%s> %s", v.Type, v.Is)
	}
	return "<" + v.Type + ">"
}

// Record is what one container has recorded.
type Record struct {
	Full  bool // the file had reached its limit
	calls []*call
}

// call is one call of the application.
type call struct {
	began  time.Time
	events []event
}

// Parse reads a record. A last line without its end is still being written, and left out.
func Parse(data []byte) (*Record, error) {
	r, byID := &Record{}, map[string]*call{}
	for n := 1; ; n++ {
		line, rest, whole := bytes.Cut(data, []byte("\n"))
		if !whole {
			break
		}
		data = rest
		var e event
		if err := json.Unmarshal(line, &e); err != nil {
			return nil, fmt.Errorf("record: line %d is not the recorder's: %w: %.100q", n, err, line)
		}
		if e.E == "full" {
			r.Full = true
			continue
		}
		c := byID[e.ID]
		switch {
		case c == nil && e.E != "call":
			return nil, fmt.Errorf("record: line %d: %s of a call %q that never began", n, e.E, e.ID)
		case c == nil:
			c = &call{began: time.Unix(0, e.T)}
			byID[e.ID] = c
			r.calls = append(r.calls, c)
		}
		c.events = append(c.events, e)
	}
	return r, nil
}

// Open tells whether a call that began at or after from has not ended yet, as far as can be seen.
func (r *Record) Open(from time.Time) bool {
	return slices.ContainsFunc(r.calls, func(c *call) bool { return !c.began.Before(from) && c.open() })
}

func (c *call) open() bool {
	closing := false
	for _, e := range c.events {
		switch {
		case e.E == "close", e.E == "raised" && e.Where == "call", e.E == "return" && e.AsIs:
			return false
		case e.E == "return":
			closing = e.Close
		case !closing && (e.E == "end" || e.E == "raised" && (e.Where == "next" || e.Where == "iter")):
			return false
		}
	}
	return true
}

// Between is what was recorded of the calls that began in [from, until).
func (r *Record) Between(from, until time.Time) *results.Recorded {
	out := &results.Recorded{Calls: []results.Call{}, Cut: r.Full}
	for _, c := range r.calls {
		if !c.began.Before(from) && c.began.Before(until) {
			out.Calls = append(out.Calls, c.result(from))
		}
	}
	// Connections side by side reach the application in any order.
	slices.SortStableFunc(out.Calls, func(a, b results.Call) int {
		return cmp.Or(strings.Compare(target(a), target(b)), cmp.Compare(a.Began, b.Began))
	})
	return out
}

func target(c results.Call) string {
	e := c.Environ
	return e["SCRIPT_NAME"] + e["PATH_INFO"] + "?" + e["QUERY_STRING"] + " " + e["REQUEST_METHOD"]
}

func (c *call) result(from time.Time) results.Call {
	out := results.Call{Began: c.began.Sub(from).Seconds(), Environ: map[string]string{}, Events: []results.Event{}, Compared: c.normal()}
	for key, v := range c.events[0].Environ {
		out.Environ[key] = v.String()
	}
	for _, e := range c.events[1:] {
		at := time.Unix(0, e.T).Sub(c.began).Seconds()
		out.Events = append(out.Events, results.Event{At: max(0, at), What: e.E, Size: max(0, e.Size), Says: e.words()})
	}
	return out
}

// words are what an event says besides its size.
func (e *event) words() string {
	switch e.E {
	case "start_response":
		return e.started()
	case "return":
		return e.returned()
	case "raised":
		return strings.TrimSpace(fmt.Sprintf("%s in %s: %s", e.Exception, e.Where, e.Says))
	case "read", "readline", "readlines":
		return strings.Trim(fmt.Sprint(e.Args), "[]")
	case "next":
		return fmt.Sprintf("%s, in %s", e.Type, time.Duration(e.Took))
	}
	return e.Type
}

func (e *event) started() string {
	text := fmt.Sprintf("%q", e.Status.String())
	if e.ExcInfo {
		text += " with exc_info"
	}
	if e.Raised != "" {
		text += " raised " + e.Raised
	}
	return text
}

func (e *event) returned() string {
	switch {
	case e.FileWrapper:
		return "what wsgi.file_wrapper made: not wrapped, so what the server does with it is not seen"
	case e.AsIs:
		return e.Type + ": not wrapped"
	case e.Close:
		return e.Type + ", with close()"
	}
	return e.Type + ", without close()"
}
