package loop

import (
	"testing"
	"time"
)

func TestPoll(t *testing.T) {
	w, err := NewWaker()
	if err != nil {
		t.Fatal(err)
	}
	fds := []PollFD{{FD: int32(w.FD), Events: PollIn}, {FD: -1, Events: PollIn}}
	if Poll(fds, time.Now().Add(time.Millisecond)) {
		t.Error("ready, but nobody woke it")
	}
	if Poll(fds, time.Now().Add(-time.Second)) {
		t.Error("ready after its deadline")
	}
	go w.Wake()
	if !Poll(fds, time.Now().Add(10*time.Second)) || fds[0].Revents != PollIn || fds[1].Revents != 0 {
		t.Errorf("not woken: %v", fds)
	}
	w.Wake()
	w.Clear()
	if Poll(fds, time.Now().Add(time.Millisecond)) {
		t.Error("ready after Clear")
	}
}
