package run

import "time"

// Limits holds every limit that a run waits under once the images are there. What the engine and the
// builds may take stands in the limits of engine/docker and of image.
type Limits struct {
	// Startup is how long a cell may take from its start until it answers a request.
	Startup time.Duration
	// Probe is how long one such request waits for its answer before it is tried again.
	Probe time.Duration
	// ProbeFirst and ProbeMost are the pauses between those tries: they double from the one to the other.
	ProbeFirst, ProbeMost time.Duration
	// Engine is how long one question to the engine may take: whether a cell lives, what it
	// printed, what version it is.
	Engine time.Duration
	// Death is how long the engine may take to notice that a server has ended, of which its
	// client knows already.
	Death time.Duration
	// Cell is how long all conversations with one cell may take together.
	Cell time.Duration
	// Measure is how long finding out how large a request a server takes may take.
	Measure time.Duration
	// Remove is how long removing a cell may take.
	Remove time.Duration
	// Grace is how long, after Ctrl-C, cells may take to say their last words and be removed.
	Grace time.Duration

	// Connect is how long opening a TCP connection may take.
	Connect time.Duration
	// Wait is how long a case that names no timeout waits for the next byte, for room
	// to send, or for the server's close. A case's own `timeout` replaces it.
	Wait time.Duration
	// Exchange is how long one response may take as a whole, however steadily it drips.
	// A case whose own timeout is longer gets as much again on top.
	Exchange time.Duration
	// Case is how long one conversation may take as a whole.
	Case time.Duration
	// Settle is how long, after its last exchange, a connection is listened to for bytes
	// that no request asked for. Servers that close when the client does end it sooner.
	Settle time.Duration

	// Record is how many bytes of one response are recorded; a longer one is cut.
	Record int
	// Keep is how many of a differing response's bytes go into the results.
	Keep int
	// Evidence is how many of each exchange's bytes go into the results where the app has a
	// contract, whether the exchange differs or not; 0: none.
	Evidence int
	// Log is how many bytes of a cell's log go into the results: the first quarter of it, and the end.
	Log int
}

// DefaultLimits are the limits of a normal run.
func DefaultLimits() Limits {
	return Limits{
		Startup:    30 * time.Second,
		Probe:      2 * time.Second,
		ProbeFirst: 10 * time.Millisecond,
		ProbeMost:  50 * time.Millisecond,
		Engine:     10 * time.Second,
		Death:      500 * time.Millisecond,
		Cell:       5 * time.Minute,
		Measure:    2 * time.Minute,
		Remove:     15 * time.Second,
		Grace:      3 * time.Second,

		Connect:  5 * time.Second,
		Wait:     5 * time.Second,
		Exchange: 60 * time.Second,
		Case:     3 * time.Minute,
		Settle:   250 * time.Millisecond,
		Record:   32 << 20,
		Evidence: 16 << 10,
		Keep:     8 << 20,
		Log:      256 << 10,
	}
}
