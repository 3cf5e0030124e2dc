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
	left  // a partial expect leaves the rest of the response unread
	cut   // the server ended a response too early, and with it the connection
	ended // closed by either side: the next send opens a new one
)

// conversation checks what only the order of the steps shows.
func (p *parser) conversation() {
	states := map[string]connState{}
	saved := map[string]bool{}
	judged := false
	for i := range p.c.Steps {
		step := &p.c.Steps[i]
		p.uses(step, saved)
		p.follow(step, states)
		judged = judged || step.Kind == Expect || step.Kind == Closed
	}
	if !judged {
		p.wrong(1, `the case has no expected part: add "-- expect --", or "-- closed --"`)
	}
}

// follow moves a step's connection on.
func (p *parser) follow(step *Step, states map[string]connState) {
	state := states[step.Conn]
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
	default:
		states[step.Conn] = ended
	}
	switch {
	case state == unopened:
		p.wrong(step.Line, "%s on connection %q, which nothing was sent to: %s", step.Kind, step.Conn, mistake.Nearest(step.Conn, open(states, step.Conn)))
	case state == ended, state == cut && (step.Kind == Expect || step.Kind == HalfClose):
		p.wrong(step.Line, "%s on connection %q, which has ended: send first", step.Kind, step.Conn)
	case state == left && step.Kind != Close && step.Kind != Reset:
		p.wrong(step.Line, "%s on connection %q after a partial expect, which leaves the rest unread: only close and reset can follow", step.Kind, step.Conn)
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
