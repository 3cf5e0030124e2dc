package golden

import (
	"maps"
	"slices"

	"wsgimatrix/matrix/mistake"
)

// connState is what is known of a connection at a point of the file.
type connState int

const (
	unopened connState = iota
	opened
	halfClosed
	left   // a partial expect leaves the rest of the response unread
	loaded // clients send and receive by themselves, until an every
	cut    // the server ended a response too early, and with it the connection
	ended  // closed by either side: the next send opens a new one
)

// conversation checks what only the order of the steps shows.
func (p *parser) conversation() {
	states := map[string]connState{}
	times := map[string]int{}
	saved := map[string]bool{}
	judged := false
	for i := range p.c.Steps {
		step := &p.c.Steps[i]
		p.uses(step, saved)
		judged = judged || step.Kind == Expect || step.Kind == Closed || step.Kind == Every
		if orders[step.Kind] == nil {
			p.count(step, times)
			p.follow(step, states)
		}
	}
	p.acts(saved)
	for name, state := range states {
		if state == loaded {
			p.wrong(1, `the load %q has no end: add "-- every %s --"`, name, name)
		}
	}
	if !judged {
		p.wrong(1, `the case has no expected part: add "-- expect --", or "-- closed --"`)
	}
}

// count checks that every section speaks of a name's connections together.
func (p *parser) count(step *Step, times map[string]int) {
	if n := times[step.Conn]; n == 0 {
		times[step.Conn] = step.Times
	} else if n != step.Times {
		p.wrong(step.Line, "%q names %d connections: write %s*%d in each of its sections", step.Conn, n, step.Conn, n)
	}
}

// follow moves a step's connection on.
func (p *parser) follow(step *Step, states map[string]connState) {
	state := states[step.Conn]
	switch {
	case step.Kind == Load && state != unopened && state != ended:
		p.wrong(step.Line, "load on connection %q, which is in use: give it a name of its own", step.Conn)
		return
	case step.Kind == Every && state != loaded, state == loaded && step.Kind != Every:
		p.wrong(step.Line, "%s on connection %q: an every ends a load, and a load is ended by an every", step.Kind, step.Conn)
		return
	case step.Kind == Load:
		states[step.Conn] = loaded
		return
	case step.Kind == Every:
		states[step.Conn] = ended
		return
	}
	switch step.Kind {
	case Send:
		p.followSend(step, state)
		if state != halfClosed && state != left {
			states[step.Conn] = opened
		}
		return
	case Expect:
		states[step.Conn] = step.after(state)
	case HalfClose:
		states[step.Conn] = halfClosed
	case Begins:
	default:
		states[step.Conn] = ended
	}
	switch {
	case state == unopened:
		p.wrong(step.Line, "%s on connection %q, which nothing was sent to: %s", step.Kind, step.Conn, mistake.Nearest(step.Conn, open(states, step.Conn)))
	case state == ended, state == cut && (step.Kind == Expect || step.Kind == HalfClose):
		p.wrong(step.Line, "%s on connection %q, which has ended: send first", step.Kind, step.Conn)
	case state == left && step.Kind != Close && step.Kind != Reset && !step.Any:
		p.wrong(step.Line, "%s on connection %q after a partial expect, which leaves the rest unread: only close, reset and closed any can follow", step.Kind, step.Conn)
	}
}

// after is what an expect leaves a connection in, whichever of its responses comes.
func (s *Step) after(state connState) connState {
	truncated := 0
	for _, e := range s.Golden {
		switch e.Extent {
		case Partial:
			return left
		case Truncated:
			truncated++
		}
	}
	if truncated > 0 && truncated == len(s.Golden) {
		return cut
	}
	return state
}

func (p *parser) followSend(step *Step, state connState) {
	switch {
	case state == halfClosed:
		p.wrong(step.Line, "send on connection %q after its half-close", step.Conn)
	case state == left:
		p.wrong(step.Line, "send on connection %q after a partial expect: close or reset it first", step.Conn)
	case step.More && (state == unopened || state == cut || state == ended):
		p.wrong(step.Line, "send more on connection %q continues no earlier send", step.Conn)
	}
}

// open lists the connections that were sent to, but for one.
func open(states map[string]connState, but string) []string {
	var names []string
	for name, state := range states {
		if name != but && state != unopened {
			names = append(names, name)
		}
	}
	return names
}

// uses checks that every name that a step uses was saved before, and notes those that it saves.
func (p *parser) uses(step *Step, saved map[string]bool) {
	check := func(tokens []token) {
		for i := range tokens {
			if t := &tokens[i]; t.kind == placeholder && t.hold.verb == "use" && !saved[t.hold.name] {
				p.wrong(t.line, `\{use %s}: no earlier expect saves it: %s`, t.hold.name, mistake.Nearest(t.hold.name, slices.Collect(maps.Keys(saved))))
			}
		}
	}
	check(step.send.head)
	check(step.send.body)
	var patterns []pattern
	for _, e := range step.Golden {
		patterns = append(patterns, e.reason, e.body)
		for i := range e.fields {
			patterns = append(patterns, e.fields[i].value)
		}
	}
	for _, pat := range patterns {
		check(pat)
	}
	for _, pat := range patterns {
		pat.noteSaved(saved)
	}
}

func (p pattern) noteSaved(saved map[string]bool) {
	for i := range p {
		if p[i].kind == placeholder && p[i].hold.verb == "save" {
			saved[p[i].hold.name] = true
		}
	}
}
