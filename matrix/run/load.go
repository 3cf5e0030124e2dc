package run

import (
	"context"
	"fmt"
	"sync"

	"wsgimatrix/matrix/golden"
	"wsgimatrix/matrix/wire"
)

// mostLoaded is how many answers one client of a load waits for at most. A load that is not ended goes on
// no longer than this, and what it keeps stays small.
const mostLoaded = 2000

// load is clients that send one request again and again, each as soon as it is answered.
type load struct {
	step    *golden.Step
	request golden.Request
	stop    context.CancelFunc // begin no further request
	clients sync.WaitGroup

	mu    sync.Mutex
	heard []loaded
	quick map[int]int // answers by client
}

// loaded is what came of one request.
type loaded struct {
	response *wire.Response
	err      error // why there is none
}

// load begins the clients, and returns when each has had something for an answer: whatever comes next
// comes under load. They end with an every, or when the case does.
func (p *player) load(step *golden.Step) error {
	data, err := step.Bytes(p.vars)
	if err != nil {
		return err
	}
	going, stop := context.WithCancel(p.ctx)
	l := &load{step: step, request: golden.ReadRequests(data)[0], stop: stop, quick: map[int]int{}}
	p.loads[step.Conn] = l
	var begun sync.WaitGroup
	begun.Add(step.Times)
	for i := range step.Times {
		l.clients.Go(func() {
			l.note(i, p.ask(data, l.request)) // bounded by the limits of a wait
			begun.Done()
			for n := 1; n < mostLoaded && going.Err() == nil; n++ {
				l.note(i, p.ask(data, l.request))
			}
		})
	}
	begun.Wait()
	return nil
}

// ask sends a request on a connection of its own. One that is under way is waited for when the load is ended.
func (p *player) ask(data []byte, req golden.Request) loaded {
	c, err := p.dial()
	if err != nil {
		return loaded{err: err}
	}
	defer func() { _ = c.Close() }() // the answer is known
	if err := c.Send(p.ctx, data); err != nil {
		return loaded{err: err}
	}
	return loaded{response: c.Receive(p.ctx, wire.Want{Method: req.Method, Minor: req.Minor})}
}

func (l *load) note(client int, got loaded) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.heard = append(l.heard, got)
	l.quick[client]++
}

// end has every client finish the request that it is at.
func (l *load) end() {
	l.stop()
	l.clients.Wait()
}

// every ends a load and judges all that it was answered. The exchange that is kept is the first that
// differs, or else the first.
func (p *player) every(step *golden.Step) error {
	l := p.loads[step.Conn]
	l.end()
	ex := &exchange{step: step, sent: l.step.Text}
	p.heard = append(p.heard, ex)
	differing := 0
	for _, got := range l.heard {
		differences, diff := p.judgeLoaded(step, l.request, got)
		if len(differences) > 0 {
			differing++
		}
		if ex.response == nil || len(ex.differences) == 0 && len(differences) > 0 {
			ex.response, ex.differences, ex.diff = got.response, differences, diff
		}
	}
	if differing > 0 {
		ex.differences[0] = fmt.Sprintf("%d of %d requests were lost or answered otherwise; the first: %s", differing, len(l.heard), ex.differences[0])
	}
	for i := range step.Times {
		if l.quick[i] == 0 {
			ex.differences = append(ex.differences, fmt.Sprintf("client %d has not had one answer", i+1))
		}
	}
	return nil
}

func (p *player) judgeLoaded(step *golden.Step, req golden.Request, got loaded) (differences []string, diff string) {
	if got.err != nil {
		return []string{got.err.Error()}, ""
	}
	verdict := golden.Compare(step, got.response, req, p.vars)
	return verdict.Differences, verdict.Diff
}
