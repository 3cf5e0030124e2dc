// Package golden owns the case files: it reads them, compares a response with the golden
// that they hold, shows a response in their notation, and rewrites the golden from what an
// app itself answers. It never talks to a server: wire does, and run decides what to say when.
// The format is specified in ../README.md.
package golden

import "time"

// Mode says where a case's golden responses come from.
type Mode string

// The two origins of a golden.
const (
	FromApp  Mode = "app"  // made by `make golden` from the app itself
	FromWire Mode = "wire" // written by hand from the RFC
)

// Case is one conversation: what is sent, and the golden responses.
type Case struct {
	Name     string // the file's name without .txtar
	File     string // its path, for messages
	Title    string
	Level    string // must, should, may or policy
	Clauses  []string
	Link     string
	Timeout  time.Duration // zero: the case names none
	Golden   Mode
	Setup    string // how the server has to be set up; empty: as for every case
	Socket   string // what it has to listen on: SocketTCP; empty: whatever it is
	Validate string // why wsgiref.validate is off; empty: it is on
	Steps    []Step

	source []byte // the file as it was read, for updating
}

// Kind is what a step does.
type Kind int

// The kinds of step.
const (
	Send      Kind = iota // bytes to the server
	Expect                // one response
	Closed                // the server closes
	Close                 // the client closes
	Reset                 // the client closes with a RST
	HalfClose             // the client shuts down its sending side
)

var kindNames = [...]string{"send", "expect", "closed", "close", "reset", "half-close"}

func (k Kind) String() string { return kindNames[k] }

// Step is one section of a case file; an expect holds its `or` sections too.
type Step struct {
	Kind Kind
	Conn string // the connection's name; "main" when the file names none
	Line int    // of the section's marker
	Name string // the section's name, as its marker has it: `send main raw`
	Text string // a send's section as the file writes it
	More bool   // a send that continues an earlier one
	Any  bool   // a closed before which the server may send what it likes

	Golden []*Expectation // an expect's allowed responses

	send message
}

// Texts gives an expect's allowed responses as the case file writes them.
func (s *Step) Texts() []string {
	texts := make([]string, len(s.Golden))
	for i, e := range s.Golden {
		texts[i] = e.Text
	}
	return texts
}

// Extent is how much of a response an expectation speaks of.
type Extent string

// The extents.
const (
	Whole     Extent = ""          // all of it
	Partial   Extent = "partial"   // the head and how the body begins
	Truncated Extent = "truncated" // what came before the connection ended too early
)

// Expectation is one allowed response.
type Expectation struct {
	File      string
	Line      int    // of the section's marker
	Text      string // the section as the file writes it
	Extent    Extent
	Status    int
	reason    pattern
	fields    []field
	anyFields bool // a line with \{any} alone allows further fields
	body      pattern

	start, end   int // of the section's text in the file
	markerStart  int // of its marker line
	bodyStart    int // of the body in Text; len(Text) when there is none
	statusSource string
}

// Interim tells whether this is a 1xx response, which answers no request for good.
func (e *Expectation) Interim() bool { return e.Status < 200 }

// field is one header line of an expectation.
type field struct {
	name   string
	value  pattern
	source string // the line as the file writes it
}

// Interim tells whether one of an expect's allowed responses is a 1xx.
func (s *Step) Interim() bool {
	for _, e := range s.Golden {
		if e.Interim() {
			return true
		}
	}
	return false
}
