package serve

import (
	"encoding/json"
	"fmt"
	"log"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"time"

	"wsgimatrix/servers/internal/conn"
	"wsgimatrix/servers/internal/loop"
)

// Inside sets Go up for its life in Python's process, and reads the configuration that came
// through Python.
func Inside(text []byte) (*Config, error) {
	setUpGo()
	cfg := &Config{}
	if err := json.Unmarshal(text, cfg); err != nil {
		return nil, fmt.Errorf("the configuration from the command: %w", err)
	}
	return cfg, nil
}

func setUpGo() {
	// With one processor alone Go's monitor takes it away from each call into Python that lasts
	// 20 µs, and wakes a thread that has nothing to do.
	runtime.GOMAXPROCS(max(2, runtime.GOMAXPROCS(0)))
	// Go opens the descriptors that its timers need when it first needs them. Where clients hold
	// every descriptor by then, that ends the process (runtime: eventfd failed with 24).
	time.AfterFunc(0, func() {})
}

// Loop serves from one event loop on Python's main thread, until a signal ends it. It is the
// whole of the event-loop model, and of one prefork worker.
func Loop(text []byte) int {
	return With(text, func(_ *Config, l *loop.Loop, w *conn.Worker) { l.Run(w) })
}

// With sets up an event loop that signals stop, and lets run turn it.
func With(text []byte, run func(*Config, *loop.Loop, *conn.Worker)) int {
	cfg, err := Inside(text)
	if err != nil {
		return failed(err)
	}
	listener, err := cfg.Listener()
	if err != nil {
		return failed(err)
	}
	shared := cfg.Conn()
	l, err := loop.New(listener, shared, cfg.Grace.Duration())
	if err != nil {
		return failed(err)
	}
	OnStop(cfg, l.Stop)
	run(cfg, l, conn.NewWorker(shared))
	if n := l.Cut(); n > 0 {
		shared.Logf("%d connections were not done in time", n)
		return ExitError
	}
	return ExitOK
}

func failed(err error) int {
	log.Print(err)
	return ExitError
}

// OnStop calls stop once: when a signal asks the server to end, or when the master lets go of
// this worker. A second signal ends the process at once, and so does an application that still
// runs when the time for it is up. Only the first signal means something to a worker, and
// SIGINT nothing: a terminal or a service manager sends both to every process, and the master
// decides.
func OnStop(cfg *Config, stop func()) {
	first := make(chan os.Signal, 2)
	second := first
	signal.Notify(first, syscall.SIGTERM)
	signal.Ignore(syscall.SIGPIPE) // a log that nobody reads any more must not end a server
	if cfg.AliveFD > 0 {
		second = nil
		go released(cfg.AliveFD, first)
	} else {
		signal.Notify(first, syscall.SIGINT)
	}
	go func() {
		<-first
		stop()
		select {
		case <-second:
		case <-time.After(cfg.Grace.Duration() + time.Second):
		}
		os.Exit(ExitError)
	}()
}

// released waits for the end of the pipe that only the master holds open.
func released(fd int, signals chan<- os.Signal) {
	var b [1]byte
	for {
		if _, err := syscall.Read(fd, b[:]); err != syscall.EINTR {
			signals <- syscall.SIGTERM
			return
		}
	}
}
