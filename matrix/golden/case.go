// Package golden owns the case files: it reads them, compares a response with the golden
// that they hold, shows a response in their notation, and rewrites the golden from what an
// app itself answers. It never talks to a server: wire does, and run decides what to say when.
// The format is specified in ../README.md.
package golden

import (
	"slices"
	"time"
)

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
	Begins                // a response begins to come; an expect reads it
	Load                  // clients that send a request again and again begin
	Every                 // they end, and every response that they had is judged
	Tell                  // the server is told something: to stop, say
	Ended                 // the server has ended
	Pause                 // nothing happens for a while
	Logged                // the server's log says something that it did not say before the case
)

var kindNames = [...]string{
	"send", "expect", "closed", "close", "reset", "half-close", "begins", "load", "every", "tell", "ended", "pause", "logged",
}

func (k Kind) String() string { return kindNames[k] }

// Verb is what a server can be told. Its server.yaml says how.
type Verb string

// The verbs.
const (
	Stop       Verb = "stop"
	Reload     Verb = "reload"
	KillWorker Verb = "kill-worker" // the process whose number an earlier expect has saved as `pid`
)

// Verbs are all there are.
var Verbs = []Verb{Stop, Reload, KillWorker}

// Worker is the name under which a case saves the number of the process that it has killed.
const Worker = "pid"

// Crowd is the most connections on which a case awaits responses together: 1 for most.
func (c *Case) Crowd() int {
	most := 1
	for _, s := range c.Steps {
		if s.Kind == Expect {
			most = max(most, s.Times)
		}
	}
	return most
}

// Logs tells whether a case asks for the server's log.
func (c *Case) Logs() bool {
	return slices.ContainsFunc(c.Steps, func(s Step) bool { return s.Kind == Logged })
}

// Tells gives what a case tells the server, each verb once.
func (c *Case) Tells() []Verb {
	var verbs []Verb
	for i := range c.Steps {
		if s := &c.Steps[i]; s.Kind == Tell && !slices.Contains(verbs, s.Verb) {
			verbs = append(verbs, s.Verb)
		}
	}
	return verbs
}

// Ends tells whether the server is told to stop: nothing can be asked of it after the case.
func (c *Case) Ends() bool { return slices.Contains(c.Tells(), Stop) }

// Step is one section of a case file; an expect holds its `or` sections too.
type Step struct {
	Kind Kind
	Conn string // the connection's name; "main" when the file names none
	Line int    // of the section's marker
	Name string // the section's name, as its marker has it: `send main raw`
	Text string // a send's section as the file writes it
	More bool   // a send that continues an earlier one
	Any  bool   // a closed before which the server may send what it likes

	Times int           // the connections of this name; 1 where the file has no *N
	Until bool          // an expect whose request is sent again until its response comes
	Verb  Verb          // of a tell
	Code  int           // of an ended: the exit code; -1: any
	Pause time.Duration // of a pause
	Log   []string      // of a logged: each has to stand in the log

	Golden []*Expectation // an expect's or an every's allowed responses

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
