package conn

import (
	"bytes"

	"wsgimatrix/servers/internal/environ"
)

// Worker is what a thread needs to step connections: its buffers, used again for each.
type Worker struct {
	// Draining: the server is ending; connections close after the response under way.
	Draining bool
	// Enter and Leave surround each call into the application; nil: nobody watches.
	Enter, Leave func()

	in     [65536]byte
	out    []byte
	pairs  []byte
	env    environ.Encoder
	budget int
}

// NewWorker returns a thread's worker.
func NewWorker(cfg *Config) *Worker {
	return &Worker{env: environ.Encoder{ScriptName: cfg.ScriptName}, out: make([]byte, 0, 32768), pairs: make([]byte, 0, 8192)}
}

func (w *Worker) enter() {
	if w.Enter != nil {
		w.Enter()
	}
}

func (w *Worker) leave() {
	if w.Leave != nil {
		w.Leave()
	}
}

// traceRefused prints what there is of a head that cannot be read.
func (c *Conn) traceRefused(data []byte) {
	const most = 2048
	if c.cfg.Trace == nil {
		return
	}
	head, _, _ := bytes.Cut(data[:min(len(data), most)], []byte("\r\n\r\n"))
	c.trace('<', bytes.Map(func(r rune) rune {
		if r < ' ' && r != '\r' && r != '\n' && r != '\t' || r == 0x7F {
			return '?' // a terminal shall not obey it
		}
		return r
	}, head))
}

// trace prints a head line by line, as the tutorial's server does: < what came, > what went, and
// ! why a request was refused.
func (c *Conn) trace(mark byte, head []byte) {
	if c.cfg.Trace == nil {
		return
	}
	var out []byte
	for line := range bytes.Lines(head) {
		line = bytes.TrimRight(line, "\r\n")
		if len(line) == 0 { // the end, or a blank line before the request
			continue
		}
		out = append(append(append(out, mark, ' '), line...), '\n')
	}
	c.cfg.Trace.Write(out) //nolint:errcheck,gosec // a trace that nobody reads is lost
}
