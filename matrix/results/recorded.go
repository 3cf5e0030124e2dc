package results

// Recorded is what the recorder wrote down in a case: how the server called the application.
type Recorded struct {
	Calls []Call `json:"calls"`         // in the order of their requests; none: the server answered by itself
	Cut   bool   `json:"cut,omitempty"` // the record was full
}

// Call is one call of the application.
type Call struct {
	Began    float64           `json:"began_seconds"` // since the case began
	Environ  map[string]string `json:"environ"`       // of what is not text its type, and its value where that is short
	Events   []Event           `json:"events"`
	Compared []string          `json:"compared"` // what is held against other servers, normalised
}

// Event is one thing that the server and the application did to each other.
type Event struct {
	At   float64 `json:"at_seconds"` // since the call began
	What string  `json:"what"`       // start_response, read, write, return, next, end, close, raised…
	Size int     `json:"size"`       // bytes read, written or yielded
	Says string  `json:"says,omitempty"`
}
