package results

import "regexp"

// Contract is what the cases of an app show: the lines that a server is to keep, and the
// features that people look for.
type Contract struct {
	App      string    `json:"app"`
	Sections []Section `json:"sections"`
	Features []Feature `json:"features"`
}

// Section is a part of a contract.
type Section struct {
	Name  string `json:"name"`
	Lines []Line `json:"lines"`
}

// Line is one testable requirement. The cases that cite its ID among their clauses show it.
type Line struct {
	ID     string `json:"id"`    // C51
	Level  string `json:"level"` // must, should, may or policy
	Says   string `json:"says"`
	Source string `json:"source"`
}

var lineID = regexp.MustCompile(`\bC[1-9][0-9]*\b`)

// LineIDs are the lines of a contract that clauses cite.
func LineIDs(clauses []string) (ids []string) {
	for _, c := range clauses {
		ids = append(ids, lineID.FindAllString(c, -1)...)
	}
	return ids
}

// Accepts is how large a request a server takes, as it was found by asking.
type Accepts struct {
	RequestLine Bound `json:"request_line"` // octets, without the line's end
	Field       Bound `json:"field"`        // octets of a field line, without its end
	Fields      Bound `json:"fields"`       // field lines
	Body        Bound `json:"body"`         // octets
}

// Bound is the largest that was taken.
type Bound struct {
	Most    int  `json:"most"`
	AtLeast bool `json:"at_least,omitempty"` // nothing larger was tried
}

// Feature is what some cases show together.
type Feature struct {
	Name  string   `json:"name"`
	Cases []string `json:"cases"` // the names of those that there are
}
