package main

import (
	"log"
	"sync"
	"time"

	"wsgimatrix/servers/internal/conn"
	"wsgimatrix/servers/internal/cpython"
	"wsgimatrix/servers/internal/loop"
	"wsgimatrix/servers/internal/serve"
)

// threads is all threads of the server. Fields below mu are guarded by it; who holds mu never
// waits for the GIL.
type threads struct {
	cfg  *conn.Config
	loop *loop.Loop
	lead leadership
	max  int           // requests that may be in the application at once
	over chan struct{} // closed when the server has ended

	places   chan struct{} // one token for each thread that is in the application
	mu       sync.Mutex
	promoted chan struct{} // one token for each standby that is to lead
	standby  int           // waiting for a token
	total    int
	stuck    int  // waiting for a slow client: others stand in for them
	vacant   bool // nobody leads: the next free thread does
	left     sync.WaitGroup
}

func newThreads(cfg *serve.Config, l *loop.Loop) *threads {
	t := &threads{cfg: cfg.Conn(), loop: l, max: cfg.Threads, over: make(chan struct{}), vacant: true, total: 1}
	t.places = make(chan struct{}, t.max)
	t.promoted = make(chan struct{}, most)
	t.lead.kick = make(chan struct{}, 1)
	return t
}

// most bounds the threads that slow clients may hold besides those that serve.
const most = 512

// start starts the other threads and the monitor; this thread is the first.
func (t *threads) start() {
	for range t.max - 1 {
		t.add()
	}
	if t.max > 1 {
		go t.monitor()
	}
}

func (t *threads) add() {
	t.mu.Lock()
	t.total++
	index := t.total - 1
	t.mu.Unlock()
	t.left.Add(1)
	if err := cpython.StartThread(index); err != nil {
		log.Print(err)
		t.gone()
	}
}

func (t *threads) gone() {
	t.mu.Lock()
	t.total--
	t.mu.Unlock()
	t.left.Done()
}

// run is one thread's life: to stand by, to lead, to see a slow request to its end. The main
// thread stays until the server has ended.
func (t *threads) run(main bool) {
	if !main {
		defer t.gone()
	}
	th := &thread{threads: t, worker: conn.NewWorker(t.cfg)}
	th.worker.Enter, th.worker.Leave = th.enter, th.leave
	for t.await(main) {
		th.leadOn()
	}
}

// await waits until this thread is to lead; false: it is not needed any more.
func (t *threads) await(main bool) bool {
	t.mu.Lock()
	if t.vacant {
		t.vacant = false
		t.mu.Unlock()
		return !t.ended()
	}
	if !main && t.total-t.stuck > t.max {
		t.mu.Unlock()
		return false // it stood in for a thread that a slow client held
	}
	t.standby++
	t.mu.Unlock()
	cpython.Release()
	defer cpython.Acquire()
	select {
	case <-t.promoted:
		return true
	case <-t.over:
		return false
	}
}

func (t *threads) ended() bool {
	select {
	case <-t.over:
		return true
	default:
		return false
	}
}

// promote makes a standby the leader. Called with mu held.
func (t *threads) promote() bool {
	if t.standby == 0 {
		return false
	}
	t.standby--
	t.promoted <- struct{}{}
	return true
}

// handOver gives the loop to another thread, now or as soon as one is free.
func (t *threads) handOver() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.lead.next()
	t.vacant = !t.promote()
}

// join waits for the other threads, for as long as the loop itself would.
func (t *threads) join() {
	done := make(chan struct{})
	go func() { t.left.Wait(); close(done) }()
	cpython.Release()
	defer cpython.Acquire()
	select {
	case <-done:
	case <-time.After(time.Second): // one that hangs in the application: the process ends without it
	}
}

// waiting surrounds a wait for a slow client. If that leaves fewer threads than may serve,
// and none of them idle, one more is started; it ends when the wait is over. false: there are
// too many already, and without this one nobody would turn the loop.
func (t *threads) waiting(wait func()) bool {
	t.mu.Lock()
	if t.vacant && t.total >= most {
		t.mu.Unlock()
		return false
	}
	t.stuck++
	short := t.standby == 0 && t.total-t.stuck < t.max && t.total < most
	t.mu.Unlock()
	if short {
		t.add()
	}
	cpython.Release()
	wait()
	cpython.Acquire()
	t.mu.Lock()
	t.stuck--
	t.mu.Unlock()
	return true
}

// thread is one of them.
type thread struct {
	*threads
	worker  *conn.Worker
	leading bool
	call    uint64 // what the leadership said when the call began
}

func (th *thread) enter() {
	select {
	case th.places <- struct{}{}:
	default: // who stood in for this thread is there now
		cpython.Release()
		th.places <- struct{}{}
		cpython.Acquire()
	}
	if th.leading {
		th.call = th.lead.enter()
	}
}

// leave finds out whether the loop was given to another thread meanwhile.
func (th *thread) leave() {
	<-th.places
	if th.leading {
		th.leading = th.lead.leave(th.call)
	}
}

// leadOn turns the loop until it is another's, or the server has ended.
func (th *thread) leadOn() {
	th.leading = true
	for !th.loop.Done() {
		if !th.loop.Turn(th.worker, th.lead.idle, th.lead.busy, th.step) {
			return
		}
	}
	close(th.over)
}

// step steps a connection. While its response goes on, it is bound to this thread: what the
// application keeps for a thread must be there in each of its steps.
func (th *thread) step(e *loop.Entry) bool {
	th.worker.Draining = th.loop.Stopping()
	th.loop.Take(e)
	want := e.Step(th.worker)
	if th.leading && (!e.Open() || want == conn.Closed || th.max == 1) {
		th.loop.Settle(e, want)
		return true
	}
	if th.leading {
		th.leading = false
		th.handOver()
	}
	th.apart(e, want)
	return false
}

// apart sees a response to its end on this thread, and gives the connection back.
func (th *thread) apart(e *loop.Entry, want conn.Want) {
	for want != conn.Closed && (e.Open() || want == conn.Turn) {
		if want == conn.Write && !th.writable(e) {
			want = e.Expire(th.worker)
			continue
		}
		th.worker.Draining = th.loop.Stopping()
		want = e.Step(th.worker)
	}
	th.loop.Return(e, want)
}

func (th *thread) writable(e *loop.Entry) (ready bool) {
	fds := []loop.PollFD{{FD: int32(e.FD), Events: loop.PollOut}} //nolint:gosec // a descriptor
	return th.waiting(func() { ready = loop.Poll(fds, e.Deadline()) }) && ready
}
