//go:build cgo

package cpython

// #include "bridge.h"
import "C"

import (
	"errors"
	"unsafe"
)

// Step is one step of a response.
type Step struct{ c C.step }

// Kind is what the step brought.
func (s *Step) Kind() Kind { return Kind(s.c.kind) }

// Status is the response's status code.
func (s *Step) Status() int { return int(s.c.status) }

// Sent tells that the head went out with an earlier step.
func (s *Step) Sent() bool { return s.c.sent != 0 }

// HasDate tells that the application gave a Date of its own.
func (s *Step) HasDate() bool { return s.c.flags&C.HAS_DATE != 0 }

// HasServer tells that the application gave a Server of its own.
func (s *Step) HasServer() bool { return s.c.flags&C.HAS_SERVER != 0 }

// Length is the Content-Length that the application declared; -1: none.
func (s *Step) Length() int64 { return int64(s.c.length) }

// Head is "200 OK\r\nName: value\r\n…" without Content-Length. C memory: copy it before the
// GIL is released.
func (s *Step) Head() []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(s.c.head)), int(s.c.head_len))
}

// Chunk is the body's next bytes. C memory: of a Chunk it is valid until the exchange is called
// again, of a Whole until the thread's next Begin.
func (s *Step) Chunk() []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(s.c.chunk)), int(s.c.chunk_len))
}

// Exchange is one request with its response.
type Exchange struct{ Step }

// Open tells that the response may have more steps: Next or Abandon is owed.
func (e *Exchange) Open() bool { return e.c.x != nil }

// Begin calls the application with an environ of these pairs (see package environ) and this
// body, and takes the first step. bodyFD, where not negative, is a file instead of body, and is
// C's to close. slot comes back with each write().
func (e *Exchange) Begin(pairs, body []byte, bodyFD int, slot uint32) {
	C.bridge_begin((*C.char)(unsafe.Pointer(unsafe.SliceData(pairs))), (*C.char)(unsafe.Pointer(unsafe.SliceData(body))),
		C.size_t(len(body)), C.int(bodyFD), C.uint32_t(slot), &e.c)
}

// Next takes the next step of an open exchange.
func (e *Exchange) Next() { C.bridge_next(e.c.x, &e.c) }

// Abandon ends an open exchange early: close() runs.
func (e *Exchange) Abandon() {
	x := e.c.x
	e.c.x = nil
	C.bridge_abandon(x)
}

// Release gives the GIL up; the thread may wait now. Acquire takes it back.
func Release() { C.bridge_release() }

// Acquire takes the GIL back.
func Acquire() { C.bridge_acquire() }

// StartThread starts one more Python thread, which calls Hooks.Thread.
func StartThread(index int) error {
	if C.bridge_thread(C.int(index)) != 0 {
		return errors.New("python could not start a thread")
	}
	return nil
}

// No panic leaves an export: it would end in C frames. A server that panics is wrong and ends.

//export wsgi_serve
func wsgi_serve(helpers unsafe.Pointer, config *C.char) C.int {
	if C.bridge_setup(helpers) != 0 {
		return 3
	}
	return C.int(hooks.Serve([]byte(C.GoString(config))))
}

//export wsgi_thread
func wsgi_thread(index C.int) { hooks.Thread(int(index)) }

//export goWrite
func goWrite(slot C.uint32_t, s *C.step) C.int {
	if hooks.Write(uint32(slot), (*Step)(unsafe.Pointer(s))) {
		return 0
	}
	return -1
}
