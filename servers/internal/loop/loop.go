// Package loop watches many connections at once: epoll, accepting, deadlines, and the order in
// which connections get their turn. It steps nothing by itself: a model's run function does,
// on the thread that turns the loop. Only Return and Stop may be called from other threads.
package loop

import (
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"wsgimatrix/servers/internal/conn"
	"wsgimatrix/servers/internal/cpython"
)

const (
	batch     = 64
	scanEvery = time.Second // how late a deadline may be noticed
	maxFD     = 1 << 16

	// yieldEvery keeps Go's monitor thread (runtime.sysmon) asleep. It takes a goroutine that
	// runs for 10 ms without yielding for a hog, and then looks every 20 µs: on a core that it
	// shares with Python that cost 7 % of a Flask request.
	yieldEvery = 4 * time.Millisecond

	in        = uint32(syscall.EPOLLIN)
	out       = uint32(syscall.EPOLLOUT)
	exclusive = uint32(1 << 28) // EPOLLEXCLUSIVE: one of several workers is woken
)

// Entry is a connection with what the loop knows of it.
type Entry struct {
	*conn.Conn
	fd     int // kept: the connection forgets its own when it closes
	mu     sync.Mutex
	busy   bool   // a thread steps it apart from the loop
	events uint32 // what epoll watches

	forgotten bool
}

// Loop is one epoll set with one listening socket.
type Loop struct {
	ep        int
	wake      *Waker
	listener  *Listener
	cfg       *conn.Config
	conns     [maxFD]atomic.Pointer[Entry]
	count     atomic.Int64
	top       int // no descriptor of a connection is above it
	turns     []*Entry
	events    [batch]syscall.EpollEvent
	nextScan  time.Time
	nextYield time.Time
	paused    bool // accepting is, for want of descriptors
	stopping  atomic.Bool
	limit     time.Duration // of the ending
	stopped   time.Time     // by when it ends; zero: not ending
}

// New watches a listener. grace is how long the responses under way may take once Stop was
// called.
func New(l *Listener, cfg *conn.Config, grace time.Duration) (*Loop, error) {
	ep, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	wake, err := NewWaker()
	if err != nil {
		return nil, err
	}
	lp := &Loop{ep: ep, wake: wake, listener: l, cfg: cfg, limit: grace, nextScan: time.Now().Add(scanEvery)}
	if err := lp.control(syscall.EPOLL_CTL_ADD, wake.FD, in); err != nil {
		return nil, err
	}
	return lp, lp.control(syscall.EPOLL_CTL_ADD, l.FD, in|exclusive)
}

func (l *Loop) control(op, fd int, events uint32) error {
	return os.NewSyscallError("epoll_ctl", syscall.EpollCtl(l.ep, op, fd, &syscall.EpollEvent{Events: events, Fd: int32(fd)})) //nolint:gosec // a descriptor
}

// Stop ends the loop after the responses under way. Any thread may call it.
func (l *Loop) Stop() {
	l.stopping.Store(true)
	l.wake.Wake()
}

// Stopping tells that Stop was called.
func (l *Loop) Stopping() bool { return l.stopping.Load() }

// Cut is how many connections were not done when the loop was.
func (l *Loop) Cut() int { return int(l.count.Load()) }

// Done tells that the loop was stopped and nothing is under way any more, or its time is up.
func (l *Loop) Done() bool {
	return !l.stopped.IsZero() && (l.count.Load() == 0 || time.Now().After(l.stopped))
}

// Turn waits until something is ready and gives each ready connection to run, which steps it
// and says whether this thread still has the loop; if not, Turn returns false at once.
// idle is called before a wait with nothing to do, on after it.
func (l *Loop) Turn(w *conn.Worker, idle, on func(), run func(*Entry) bool) bool {
	n := l.poll(idle, on)
	if l.stopping.Load() && l.stopped.IsZero() {
		l.stop(w)
	}
	for range len(l.turns) {
		e := l.turns[0]
		l.turns = l.turns[1:] // before it runs: another thread may have the loop by then
		if !l.mute(e) && !run(e) {
			return false
		}
	}
	for i := range n {
		if !l.dispatch(w, &l.events[i], run) {
			return false
		}
	}
	now := time.Now()
	if now.After(l.nextYield) {
		l.nextYield = now.Add(yieldEvery)
		runtime.Gosched()
	}
	if now.After(l.nextScan) {
		l.nextScan = now.Add(scanEvery)
		l.scan(w, now)
	}
	return true
}

// poll waits without the GIL. Also when it need not wait: other Python threads, which have to
// ask for the GIL, would starve beside a loop that never runs Python code.
func (l *Loop) poll(idle, on func()) int {
	timeout := int(scanEvery / time.Millisecond)
	if len(l.turns) > 0 || l.stopping.Load() && l.stopped.IsZero() {
		timeout = 0
	}
	if idle != nil {
		idle()
	}
	cpython.Release()
	n, _ := syscall.EpollWait(l.ep, l.events[:], timeout)
	cpython.Acquire()
	if on != nil {
		on()
	}
	return max(n, 0)
}

func (l *Loop) dispatch(w *conn.Worker, ev *syscall.EpollEvent, run func(*Entry) bool) bool {
	switch fd := int(ev.Fd); fd {
	case l.listener.FD:
		l.accept(w, acceptMax)
	case l.wake.FD:
		l.wake.Clear()
		if !l.stopped.IsZero() {
			l.sweep()
		}
	default:
		if e := l.conns[fd].Load(); e != nil && !l.mute(e) {
			return run(e)
		}
	}
	return true
}

// mute stops watching a connection that another thread steps. The thread gives it back.
func (l *Loop) mute(e *Entry) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.busy {
		l.watch(e, 0)
	}
	return e.busy
}

// watch changes what epoll watches; 0: nothing, not even a reset, which epoll would repeat.
func (l *Loop) watch(e *Entry, events uint32) {
	op := syscall.EPOLL_CTL_MOD
	switch {
	case e.events == events:
		return
	case events == 0:
		op = syscall.EPOLL_CTL_DEL
	case e.events == 0:
		op = syscall.EPOLL_CTL_ADD
	}
	e.events = events
	l.control(op, e.fd, events) //nolint:errcheck,gosec // fails only if the descriptor is gone
}

// Take marks a connection as stepped apart from the loop; Return gives it back.
func (l *Loop) Take(e *Entry) {
	e.mu.Lock()
	e.busy = true
	e.mu.Unlock()
}

// Return gives a connection back. Any thread may call it.
func (l *Loop) Return(e *Entry, want conn.Want) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.busy = false
	switch want {
	case conn.Closed:
		l.forget(e)
	case conn.Write:
		l.watch(e, out)
	default:
		l.watch(e, in)
	}
	if l.stopping.Load() {
		l.wake.Wake() // it may be idle now, and the last one
	}
}

// Settle notes what a connection waits for after a step by the loop's own thread.
func (l *Loop) Settle(e *Entry, want conn.Want) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.busy = false
	switch want {
	case conn.Closed:
		l.forget(e)
	case conn.Turn:
		l.turns = append(l.turns, e)
	case conn.Write:
		l.watch(e, out)
	default:
		l.watch(e, in)
	}
}

// forget drops a closed connection, once. Its descriptor may be another's already, whose entry
// stays. Called with e.mu held.
func (l *Loop) forget(e *Entry) {
	if e.forgotten {
		return
	}
	e.forgotten = true
	l.conns[e.fd].CompareAndSwap(e, nil)
	l.count.Add(-1)
}

// Run turns the loop on this thread until it is Done.
func (l *Loop) Run(w *conn.Worker) {
	for !l.Done() {
		l.Turn(w, nil, nil, func(e *Entry) bool {
			l.Settle(e, e.Step(w))
			return true
		})
	}
}
