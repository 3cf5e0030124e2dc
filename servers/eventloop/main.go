// Command eventloop serves a WSGI application from one thread that watches every connection:
// a client that is slow keeps nobody waiting, an application that is slow keeps everybody.
package main

import (
	"wsgimatrix/servers/internal/conn"
	"wsgimatrix/servers/internal/cpython"
	"wsgimatrix/servers/internal/serve"
)

func main() {
	serve.Main(serve.Model{
		Name:    "eventloop",
		Summary: "Serves a WSGI application from one thread with an event loop.",
		Start:   serve.Exec,
	})
}

func init() { cpython.Register(cpython.Hooks{Serve: serve.Loop, Write: conn.WriteCallable}) }
