package main

import (
	"sync"
	"testing"
	"time"
)

func TestLeadershipNamesTheCall(t *testing.T) {
	var l leadership
	first := l.enter()
	if first%step != calling {
		t.Errorf("the word of a call: %d", first%step)
	}
	if !l.leave(first) {
		t.Error("deposed by nobody")
	}
	second := l.enter()
	if l.depose(first) {
		t.Error("deposed for a call that is over")
	}
	if !l.depose(second) || l.leave(second) {
		t.Error("not deposed for the call that goes on")
	}
	third := l.enter()
	if third == second || !l.leave(third) {
		t.Error("the next leader is deposed too")
	}
}

// Of a leader that leaves and a monitor that deposes it, one wins, always.
func TestLeadershipHasOneWinner(t *testing.T) {
	var l leadership
	for range 20000 {
		call := l.enter()
		var left, deposed bool
		var both sync.WaitGroup
		both.Go(func() { left = l.leave(call) })
		both.Go(func() { deposed = l.depose(call) })
		both.Wait()
		if left == deposed {
			t.Fatalf("left: %v, deposed: %v", left, deposed)
		}
	}
}

func monitored() *threads {
	t := &threads{over: make(chan struct{}), promoted: make(chan struct{}, most)}
	t.lead.kick = make(chan struct{}, 1)
	return t
}

// The monitor promotes a standby when a call drags on; the leader finds out when it is back.
func TestMonitorDeposes(t *testing.T) {
	crew := monitored()
	crew.standby = 1
	go crew.monitor()
	defer close(crew.over)
	crew.lead.idle()
	crew.lead.busy() // wakes the monitor, if it sleeps
	call := crew.lead.enter()
	select {
	case <-crew.promoted:
	case <-time.After(10 * time.Second):
		t.Fatal("nobody is promoted")
	}
	if crew.lead.leave(call) {
		t.Error("two lead")
	}
}

// Without a standby the leader stays.
func TestMonitorNeedsAStandby(t *testing.T) {
	crew := monitored()
	call := crew.lead.enter()
	crew.depose(call)
	if !crew.lead.leave(call) || len(crew.promoted) > 0 {
		t.Error("deposed for nobody")
	}
}

func TestHandOver(t *testing.T) {
	crew := monitored()
	crew.handOver()
	if !crew.vacant {
		t.Error("nobody is there, and the loop is not vacant")
	}
	crew.standby = 1
	crew.handOver()
	if crew.vacant || crew.standby != 0 || len(crew.promoted) != 1 {
		t.Error("the standby is not promoted")
	}
}

// The monitor sleeps while the leader waits for clients, and ends with the server.
func TestMonitorEnds(t *testing.T) {
	crew := monitored()
	ended := make(chan struct{})
	go func() { crew.monitor(); close(ended) }()
	crew.lead.idle()
	close(crew.over)
	select {
	case <-ended:
	case <-time.After(10 * time.Second):
		t.Fatal("the monitor goes on")
	}
}
