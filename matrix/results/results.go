// Package results is the outcome of a run as data: what results.json holds and every
// report is made from. It decides nothing and renders nothing.
package results

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"
	"unicode/utf8"
)

// Format names the layout of results.json; results.schema.json describes it.
const Format = "wsgi-matrix/results/1"

// Outcome is the verdict on a case, a cell or a run. It is only ever raised.
type Outcome int

// The outcomes, in the order in which they outrank each other.
const (
	Skip  Outcome = iota // not run
	Pass                 // as the golden says
	Known                // differs, as a known divergence says it would
	Fail                 // differs
	Error                // the runner could not tell
)

var outcomeNames = [...]string{"skip", "pass", "known", "fail", "error"}

func (o Outcome) String() string {
	if o < Skip || o > Error {
		return fmt.Sprintf("Outcome(%d)", int(o))
	}
	return outcomeNames[o]
}

// Raise lifts o to other when other is worse; it never lowers.
func (o *Outcome) Raise(other Outcome) {
	if other > *o {
		*o = other
	}
}

// Expected tells whether the outcome lets a run pass.
func (o Outcome) Expected() bool { return o <= Known }

// MarshalText writes the outcome's name.
func (o Outcome) MarshalText() ([]byte, error) {
	if o < Skip || o > Error {
		return nil, fmt.Errorf("results: no such outcome: %d", int(o))
	}
	return []byte(o.String()), nil
}

// UnmarshalText reads the outcome's name.
func (o *Outcome) UnmarshalText(text []byte) error {
	for i, name := range outcomeNames {
		if name == string(text) {
			*o = Outcome(i)
			return nil
		}
	}
	return fmt.Errorf("results: no such outcome: %q", text)
}

// Bytes are bytes from the wire. In JSON they are a string where they are valid UTF-8, else {"base64": "…"}.
type Bytes []byte

// MarshalJSON writes text as text and everything else as base64.
func (b Bytes) MarshalJSON() ([]byte, error) {
	if utf8.Valid(b) {
		return json.Marshal(string(b))
	}
	return json.Marshal(map[string]string{"base64": base64.StdEncoding.EncodeToString(b)})
}

// UnmarshalJSON reads both forms.
func (b *Bytes) UnmarshalJSON(data []byte) error {
	var text string
	if err := json.Unmarshal(data, &text); err == nil {
		*b = Bytes(text)
		return nil
	}
	var coded struct {
		Base64 *string `json:"base64"`
	}
	if err := json.Unmarshal(data, &coded); err != nil {
		return err
	}
	if coded.Base64 == nil {
		return errors.New("results: neither a string nor {\"base64\": …}")
	}
	raw, err := base64.StdEncoding.DecodeString(*coded.Base64)
	*b = raw
	return err
}

// Run is everything that one `matrix run` found out.
type Run struct {
	Format   string    `json:"format"`
	ID       string    `json:"id"`
	Started  time.Time `json:"started"`
	Finished time.Time `json:"finished"`
	Partial  string    `json:"partial,omitempty"` // why this is not the whole run; empty: it is
	Command  []string  `json:"command"`
	Engine   Engine    `json:"engine"`
	Outcome  Outcome   `json:"outcome"`
	Servers  []Subject `json:"servers"`
	Apps     []Subject `json:"apps"`
	Cells    []Cell    `json:"cells"`
	Contract *Contract `json:"contract,omitempty"` // of the app that has one
	Problems []string  `json:"problems,omitempty"` // failures that belong to no cell: a known divergence that matches nothing, or is out of date
}

// Engine is where the cells ran.
type Engine struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	CPUs    int    `json:"cpus"`
	OS      string `json:"os"`
}

// Subject is a server or an app as it was found in its container.
type Subject struct {
	Name    string       `json:"name"`
	Title   string       `json:"title"`
	Model   string       `json:"model,omitempty"`
	Version string       `json:"version,omitempty"`
	Python  string       `json:"python,omitempty"`
	Image   string       `json:"image,omitempty"`
	Ours    bool         `json:"ours,omitempty"`
	Accepts *Accepts     `json:"accepts,omitempty"` // where the run has a contract
	Known   []Divergence `json:"known,omitempty"`
}

// Divergence is a known divergence: a difference that is expected.
type Divergence struct {
	Case    string `json:"case"`
	Differs string `json:"differs,omitempty"` // the differences that it explains; empty: whatever differs in the case
	Reason  string `json:"reason"`
	Clause  string `json:"clause,omitempty"`
	Link    string `json:"link,omitempty"`
	Until   string `json:"until"` // YYYY-MM-DD
}

// Cell is one server with one app.
type Cell struct {
	Server  string  `json:"server"`
	App     string  `json:"app"`
	Outcome Outcome `json:"outcome"`
	Reason  string  `json:"reason,omitempty"` // why it is an error
	Seconds float64 `json:"seconds"`
	Start   float64 `json:"start_seconds"` // of these, until it listened
	Log     Bytes   `json:"log,omitempty"` // the container's output; kept for cells with a difference or an error
	Repro   string  `json:"repro"`
	Cases   []Case  `json:"cases"`
}

// Count counts the cell's cases by outcome.
func (c *Cell) Count(o Outcome) int {
	n := 0
	for i := range c.Cases {
		if c.Cases[i].Outcome == o {
			n++
		}
	}
	return n
}

// Case is one conversation in one cell.
type Case struct {
	Name      string      `json:"name"`
	Title     string      `json:"title"`
	Level     string      `json:"level"`
	Clauses   []string    `json:"clauses,omitempty"`
	Link      string      `json:"link,omitempty"`
	File      string      `json:"file"`
	Outcome   Outcome     `json:"outcome"`
	Reason    string      `json:"reason,omitempty"`
	Known     *Divergence `json:"known,omitempty"`
	Blame     *Blame      `json:"blame,omitempty"` // of a failure, where it was looked into
	Seconds   float64     `json:"seconds"`
	Repro     string      `json:"repro"`
	Exchanges []Exchange  `json:"exchanges,omitempty"` // those that differ, in full
	Evidence  []Exchange  `json:"evidence,omitempty"`  // all of them, where the app has a contract
	Recorded  *Recorded   `json:"recorded,omitempty"`  // with the recorder
}

// Cannot tells that the server cannot be set up, or told, as the case asks: an answer, and no difference.
func (c *Case) Cannot() bool { return c.Outcome == Known && c.Known == nil }

// Aside tells that a case differs in something that it is not about: single differences that are known,
// of which the entry cites no line that the case does.
func (c *Case) Aside() bool {
	if c.Known == nil || c.Known.Differs == "" || c.Outcome != Known {
		return false
	}
	cited := LineIDs([]string{c.Known.Clause})
	return !slices.ContainsFunc(LineIDs(c.Clauses), func(id string) bool { return slices.Contains(cited, id) })
}

// Exchange is the bytes sent and the bytes that came back.
type Exchange struct {
	Line        int      `json:"line"` // of the expect section in the case file
	Connection  string   `json:"connection"`
	Sent        string   `json:"sent"`     // as the case file writes it: placeholders stand for large bodies
	Golden      []string `json:"golden"`   // the allowed responses, as the case file writes them
	Received    Bytes    `json:"received"` // what came, as it came
	Shown       string   `json:"shown"`    // what came, normalised as a golden would write it
	Cut         bool     `json:"cut,omitempty"`
	Differences []string `json:"differences"`
	Diff        string   `json:"diff,omitempty"` // unified, invisible bytes made visible
}
