//go:build toolchain

package servers_test

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"
)

// Who is in the application, how many at once, and on which thread.

// As many requests as were promised are in the application at once, and never more.
func TestRequestsAtOnce(t *testing.T) {
	each(t, append(named("iterative", "threaded", "eventloop"), prefork(1)), func(t *testing.T, m model) {
		s := start(t, m)
		clients := s.crowdOf(3*m.requests, request("GET", "/hold", "Connection: close"))
		for range m.requests {
			s.says("inside")
		}
		s.open("hold", len(clients))
		for _, c := range clients {
			c.receive("GET").is(t, 200, "held")
		}
		s.get("/most").is(t, 200, fmt.Sprint(m.requests))
	})
}

// The same where clients are slow, so that threads stand in for those that wait for them.
func TestRequestsAtOnceWithSlowReaders(t *testing.T) {
	each(t, named("threaded"), func(t *testing.T, m model) {
		s := start(t, m)
		clients := s.crowdOf(40, request("GET", "/steps?blocks=150", "Connection: close"))
		s.answers()
		var readers sync.WaitGroup
		for _, c := range clients {
			readers.Go(func() { io.Copy(io.Discard, c.r) }) //nolint:errcheck,gosec // the count is what is looked at
		}
		readers.Wait()
		most := s.get("/most").body
		if most < "2" || most > "4" || len(most) > 1 {
			t.Errorf("%s at once", most)
		}
	})
}

// While all threads but one are in slow requests, the one serves everybody else.
func TestSlowRequestsLeaveAThread(t *testing.T) {
	each(t, named("threaded"), func(t *testing.T, m model) {
		s := start(t, m)
		clients := s.crowdOf(m.requests-1, request("GET", "/hold"))
		for range clients {
			s.says("inside")
		}
		for range 20 {
			s.answers()
		}
		s.open("hold", len(clients))
		for _, c := range clients {
			c.receive("GET").is(t, 200, "held")
		}
	})
}

// What a stream keeps in a context variable, and in its thread, is there in each of its steps,
// though the streams take turns.
func TestStreamsKeepTheirContextAndThread(t *testing.T) {
	each(t, concurrent(), func(t *testing.T, m model) {
		s := start(t, m)
		const streams, steps = 12, 150 // 10 MB each: none fits a socket
		var all sync.WaitGroup
		for i := range streams {
			name := fmt.Sprintf("stream-%d", i)
			c := s.dial()
			c.send(request("GET", fmt.Sprintf("/context?name=%s&steps=%d", name, steps), "Connection: close"))
			all.Go(func() {
				r := c.receive("GET")
				equal(t, "error", r.err, nil)
				checkSteps(t, m, r.body, name, steps)
			})
		}
		all.Wait()
	})
}

func checkSteps(t *testing.T, m model, body, name string, steps int) {
	lines := strings.Split(strings.TrimSuffix(body, "\n"), "\n")
	fields := strings.Fields(lines[0])
	thread := strings.TrimRight(fields[len(fields)-1], ".")
	n := 0
	for i := 0; i+1 < len(lines); i += 2 {
		fields := strings.Fields(lines[i])
		if fields[0] != name || fields[2] != thread || m.name == "threaded" && fields[1] != name {
			t.Errorf("step %d of %s: %v", n, name, fields)
			return
		}
		n++
	}
	equal(t, "steps of "+name, n, steps)
}

// Threads that stood in for slow clients end when those are gone.
func TestThreadsComeBackDown(t *testing.T) {
	each(t, named("threaded"), func(t *testing.T, m model) {
		s := start(t, m)
		s.answers()
		threads := func() int { return statusField(t, s.cmd.Process.Pid, "Threads:") }
		before := threads()
		clients := s.crowdOf(100, request("GET", "/large?blocks=10000"))
		for range 10 {
			s.answers()
		}
		grown := threads()
		for _, c := range clients {
			c.reset()
		}
		for range clients {
			s.says("close")
		}
		// Threads end on their way to the next request. Go keeps some of its own.
		for end := time.Now().Add(limit); threads() > before+20; s.answers() {
			if time.Now().After(end) {
				t.Fatalf("threads: %d before, %d with slow clients, %d after", before, grown, threads())
			}
		}
	})
}
