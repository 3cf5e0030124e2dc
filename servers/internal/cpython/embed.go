//go:build cgo && embed

package cpython

// A program that holds the interpreter, for tests: the race detector cannot watch a shared object
// that python3 loads. It takes python3's arguments, and exports what the shared object does.

// #cgo pkg-config: python3-embed
// #cgo LDFLAGS: -rdynamic
// int Py_BytesMain(int argc, char **argv);
import "C"

import (
	"os"
	"runtime"
)

func init() {
	runtime.LockOSThread() // Python's main thread is the process's
	Interpreter = interpret
}

func interpret() int {
	argv := make([]*C.char, len(os.Args)+1)
	for i, arg := range os.Args {
		argv[i] = C.CString(arg) // for good: the process lives no longer than Python
	}
	return int(C.Py_BytesMain(C.int(len(os.Args)), &argv[0]))
}
