package main

import (
	"errors"
	"fmt"
	"log"
	"os"
	"os/signal"
	"syscall"
	"time"

	"wsgimatrix/servers/internal/serve"
)

// supervisor is the master: one goroutine that hears signals, zygotes and the clock.
//
//	SIGTERM, SIGINT  end: workers finish what they have begun
//	SIGHUP           reload: a new zygote imports the application; when it is ready its workers
//	                 take over. If it cannot be imported, the old ones stay
type supervisor struct {
	cfg      *serve.Config
	python   *serve.Python
	listener *os.File // for the workers
	events   chan event
	now      *zygote // serves
	next     *zygote // imports the application
	dead     *zygote // it was killed; its workers serve until next is ready
	old      map[*zygote]bool
	deaths   []time.Time
	respawn  <-chan time.Time
	killAt   <-chan time.Time
	ending   bool
	failed   error
}

// A worker that dies is replaced at once, but not more often than this.
const (
	deathWindow = 10 * time.Second
	deathMax    = 5 // per worker and window
	respawnWait = time.Second
)

func master(cfg *serve.Config, p *serve.Python) error {
	log.SetFlags(0)
	log.SetPrefix("prefork: ")
	syscall.CloseOnExec(cfg.ListenFD)
	listener := os.NewFile(uintptr(cfg.ListenFD), "listener")
	s := &supervisor{cfg: cfg, python: p, listener: listener, events: make(chan event, 64), old: map[*zygote]bool{}}
	var err error
	if s.next, err = newZygote(cfg, p, listener, s.events); err != nil {
		return err
	}
	return s.run()
}

func (s *supervisor) run() error {
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	for !s.over() {
		select {
		case sig := <-signals:
			s.signal(sig)
		case e := <-s.events:
			s.hear(e)
		case <-s.respawn:
			s.respawn = nil
			s.fill()
		case <-s.killAt:
			s.killAll()
		}
	}
	return s.failed
}

func (s *supervisor) over() bool {
	return s.ending && s.now == nil && s.next == nil && len(s.old) == 0
}

func (s *supervisor) signal(sig os.Signal) {
	if sig == syscall.SIGHUP {
		s.reload()
		return
	}
	if s.ending {
		s.killAll()
		return
	}
	s.end()
}

func (s *supervisor) end() {
	s.ending = true
	s.killAt = time.After(s.cfg.Grace.Duration() + 2*time.Second)
	s.listener.Close() //nolint:errcheck,gosec // new connections are refused once all have closed it
	if s.next != nil {
		s.next.cmd.Process.Kill() //nolint:errcheck,gosec // its end is heard
	}
	s.endDead()
	if s.now != nil {
		s.retire(s.now)
		s.now = nil
	}
}

func (s *supervisor) endDead() {
	if s.dead != nil {
		s.dead.end()
		s.dead = nil
	}
}

func (s *supervisor) reload() {
	if s.ending || s.next != nil {
		return
	}
	next, err := newZygote(s.cfg, s.python, s.listener, s.events)
	if err != nil {
		log.Printf("reload: %v; the old workers stay", err)
		return
	}
	s.next = next
}

// retire lets a zygote's workers finish; with the last one it ends itself.
func (s *supervisor) retire(z *zygote) {
	s.old[z] = true
	z.say("close")
	z.end()
	s.leaveIfEmpty(z)
}

func (s *supervisor) leaveIfEmpty(z *zygote) {
	if s.old[z] && len(z.workers) == 0 && z.owed == 0 {
		z.control.Close() //nolint:errcheck,gosec // it ends on that
	}
}

func (s *supervisor) killAll() {
	s.failed = errCut
	for z := range s.old {
		z.kill()
	}
	for _, z := range []*zygote{s.now, s.next} {
		if z != nil {
			z.kill()
		}
	}
}

func (s *supervisor) hear(e event) {
	switch e.word {
	case "ready":
		s.ready(e.from)
	case "forked":
		s.forked(e.from, e.pid)
	case "exited":
		s.exited(e)
	default:
		s.lost(e.from)
	}
}

// ready: a zygote has imported the application. It takes over.
func (s *supervisor) ready(z *zygote) {
	if z != s.next || s.ending {
		return
	}
	before := s.now
	s.now, s.next = z, nil
	s.fill()
	s.endDead()
	if before != nil {
		s.retire(before)
	}
}

// fill asks for as many workers as are missing.
func (s *supervisor) fill() {
	if s.now == nil || s.ending {
		return
	}
	for len(s.now.workers)+s.now.owed < s.cfg.Workers {
		s.now.fork()
	}
}

func (s *supervisor) forked(z *zygote, pid int) {
	z.owed--
	z.workers[pid] = true
}

func (s *supervisor) exited(e event) {
	z := e.from
	known := z.workers[e.pid]
	delete(z.workers, e.pid)
	s.leaveIfEmpty(z)
	if s.ending && e.status == serve.ExitError {
		s.failed = errCut
	}
	if !known || s.ending || z != s.now {
		return
	}
	log.Printf("worker %d ended with %d", e.pid, e.status)
	if s.tooMany() {
		log.Printf("workers die too fast: the next one in %s", respawnWait)
		s.respawn = time.After(respawnWait)
		return
	}
	s.fill()
}

// tooMany counts the deaths within the window.
func (s *supervisor) tooMany() bool {
	now := time.Now()
	s.deaths = append(s.deaths, now)
	for len(s.deaths) > 0 && now.Sub(s.deaths[0]) > deathWindow {
		s.deaths = s.deaths[1:]
	}
	return len(s.deaths) > deathMax*s.cfg.Workers
}

var errCut = errors.New("some requests were not done in time")

// lost: a zygote is gone.
func (s *supervisor) lost(z *zygote) {
	z.control.Close() //nolint:errcheck,gosec // it is gone
	switch {
	case s.old[z]:
		delete(s.old, z)
	case z == s.next && s.ending:
		z.end()
		s.next = nil
	case z == s.next && s.now == nil:
		s.next = nil
		s.ending = true
		s.failed = &serve.ExitCode{Code: max(z.exitCode(), 1), Err: fmt.Errorf("the application could not be loaded: %w", orEnded(z.err))}
	case z == s.next:
		z.end()
		s.next = nil
		log.Printf("reload: the application could not be loaded: %v; the old workers stay", orEnded(z.err))
	case z == s.now:
		s.replace(z)
	}
}

// replace starts another zygote. The workers of the one that is gone serve until it is ready;
// who waits for their end is the system. They also end when the master does.
func (s *supervisor) replace(z *zygote) {
	log.Printf("the zygote is gone: %v; starting another", orEnded(z.err))
	s.now, s.dead = nil, z
	if s.next != nil {
		return // a reload is under way
	}
	next, err := newZygote(s.cfg, s.python, s.listener, s.events)
	if err != nil {
		s.ending, s.failed = true, err
		return
	}
	s.next = next
}

func orEnded(err error) error {
	if err == nil {
		return errors.New("it ended")
	}
	return err
}
