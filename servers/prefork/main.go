// Command prefork serves a WSGI application from several processes, each with an event loop.
// The master holds the listening socket and no Python; a zygote imports the application once
// and, on the master's word, forks workers that share its memory.
package main

import (
	"wsgimatrix/servers/internal/conn"
	"wsgimatrix/servers/internal/cpython"
	"wsgimatrix/servers/internal/serve"
)

func main() {
	serve.Main(serve.Model{
		Name:    "prefork",
		Summary: "Serves a WSGI application from several processes.",
		Workers: true,
		Start:   master,
	})
}

func init() { cpython.Register(cpython.Hooks{Serve: serve.Loop, Write: conn.WriteCallable}) }
