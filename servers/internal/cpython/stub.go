//go:build !cgo

package cpython

import "errors"

// Step is one step of a response; without Python there is none.
type Step struct{}

func (s *Step) Kind() Kind      { return Failed }
func (s *Step) Status() int     { return 0 }
func (s *Step) Sent() bool      { return false }
func (s *Step) HasDate() bool   { return false }
func (s *Step) HasServer() bool { return false }
func (s *Step) Length() int64   { return -1 }
func (s *Step) Head() []byte    { return nil }
func (s *Step) Chunk() []byte   { return nil }

// Exchange is one request with its response; without Python every one fails.
type Exchange struct{ Step }

func (e *Exchange) Open() bool                         { return false }
func (e *Exchange) Begin(_, _ []byte, _ int, _ uint32) {}
func (e *Exchange) Next()                              {}
func (e *Exchange) Abandon()                           {}

// Release does nothing: there is no GIL.
func Release() {}

// Acquire does nothing: there is no GIL.
func Acquire() {}

// StartThread fails: there is no Python.
func StartThread(int) error { return errors.New("built without cgo") }
