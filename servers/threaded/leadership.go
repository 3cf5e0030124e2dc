package main

import (
	"sync/atomic"
	"time"
)

// leadership is one word that says what the leader does, with a number that is never used
// twice: who wants to depose the leader must name the very call that it saw drag on.
type leadership struct {
	word  atomic.Uint64
	kick  chan struct{} // wakes the monitor
	sleep atomic.Bool   // the monitor waits for it
}

// What the leader does; the number is in the bits above.
const (
	idle    = iota // waits for the clients
	turning        // turns the loop
	calling        // is in the application
	step    = 4
)

func (l *leadership) set(state uint64) uint64 {
	word := (l.word.Load()&^(step-1) + step) | state
	l.word.Store(word)
	return word
}

func (l *leadership) enter() uint64 { return l.set(calling) }

// leave ends a call; false: the leader was deposed during it.
func (l *leadership) leave(call uint64) bool {
	return l.word.CompareAndSwap(call, call&^(step-1)|turning)
}

func (l *leadership) idle() { l.set(idle) }

func (l *leadership) busy() {
	l.set(turning)
	if l.sleep.Load() {
		select {
		case l.kick <- struct{}{}:
		default:
		}
	}
}

// next is the word for a new leader.
func (l *leadership) next() { l.set(turning) }

// depose ends the leadership if the same call still goes on.
func (l *leadership) depose(call uint64) bool {
	return l.word.CompareAndSwap(call, (call&^(step-1)+step)|turning)
}

// dragging is how long a call may take before the loop goes to another thread.
const dragging = time.Millisecond

// monitor promotes a standby whenever the leader's call drags on. It sleeps while the leader
// waits for clients.
func (t *threads) monitor() {
	for !t.ended() {
		word := t.lead.word.Load()
		if word%step == idle {
			t.rest(word)
			continue
		}
		time.Sleep(dragging)
		if word%step == calling && t.lead.word.Load() == word {
			t.depose(word)
		}
	}
}

// rest sleeps until the leader is busy again.
func (t *threads) rest(word uint64) {
	t.lead.sleep.Store(true)
	defer t.lead.sleep.Store(false)
	if t.lead.word.Load() != word {
		return
	}
	select {
	case <-t.lead.kick:
	case <-t.over:
	}
}

func (t *threads) depose(call uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.standby > 0 && t.lead.depose(call) {
		t.promote()
	}
}
