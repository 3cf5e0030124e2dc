// Package cpython calls a WSGI application in the Python interpreter that has loaded this
// program as a shared object. It is the one package with import "C". It owns the crossing:
// pairs go in, steps of a response come out. It never touches a socket, never keeps a Go
// pointer in C, and never shows a PyObject to Go.
//
// Every function is called with the GIL held, on a thread that Python knows; only Release and
// Acquire change who holds it. Without cgo the package is a stub, so that everything around it
// builds and is tested without Python.
package cpython

// Kind is what a step of a response brought.
type Kind int32

// The kinds of step.
const (
	Chunk  Kind = iota // a non-empty chunk; more may follow
	Whole              // the only chunk of a response that is over
	End                // the response is over; close() has run
	Failed             // the application raised; it is logged, close() has run
)

// Hooks is what a server gives to be called back by Python.
type Hooks struct {
	// Serve runs the server on Python's main thread and returns its exit code.
	Serve func(config []byte) int
	// Thread runs one of the further threads that StartThread asked for.
	Thread func(index int)
	// Write sends what the application gave to write(); false: the client is gone.
	Write func(slot uint32, s *Step) bool
}

var hooks Hooks

// Interpreter is python3 itself, in a program that was built with the tag embed; nil elsewhere.
var Interpreter func() int

// Register sets the hooks. It is called before Python can call any of them.
func Register(h Hooks) { hooks = h }
