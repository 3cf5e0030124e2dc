// Command threaded serves a WSGI application from a fixed set of threads. One of them, the
// leader, turns the event loop and calls the application itself; when a call drags on, another
// thread is promoted and the loop goes on. So a quick request never changes threads, and a slow
// one, or a slow client, keeps one thread busy and nobody else waiting.
package main

import (
	"wsgimatrix/servers/internal/conn"
	"wsgimatrix/servers/internal/cpython"
	"wsgimatrix/servers/internal/loop"
	"wsgimatrix/servers/internal/serve"
)

func main() {
	serve.Main(serve.Model{
		Name:    "threaded",
		Summary: "Serves a WSGI application from several threads.",
		Threads: true,
		Start:   serve.Exec,
	})
}

var crew *threads // of this process; Python's threads find it here

func init() {
	cpython.Register(cpython.Hooks{
		Serve:  run,
		Thread: func(int) { crew.run(false) },
		Write:  conn.WriteCallable,
	})
}

func run(text []byte) int {
	return serve.With(text, func(cfg *serve.Config, l *loop.Loop, _ *conn.Worker) {
		crew = newThreads(cfg, l)
		crew.start()
		crew.run(true)
		crew.join()
	})
}
