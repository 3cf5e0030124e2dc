package golden

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"wsgimatrix/matrix/mistake"
)

// mostConnections is how many connections one section can speak of: more would measure the machine.
const mostConnections = 200

// longestPause bounds a pause: a longer one is a typing error, or a case that waits for what it could ask.
const longestPause = 5 * time.Second

// orders read the sections that name no connection.
var orders = map[Kind]func(p *parser, s section, words []string, step *Step) bool{
	Tell: (*parser).tell, Ended: (*parser).ended, Pause: (*parser).pause, Logged: (*parser).logged,
}

func (p *parser) tell(s section, words []string, step *Step) bool {
	var known []string
	for _, v := range Verbs {
		known = append(known, string(v))
	}
	verb := strings.Join(words[1:], " ")
	if !slices.Contains(known, verb) {
		p.wrong(s.line, "a server cannot be told %q; %s", verb, mistake.Nearest(verb, known))
		return false
	}
	step.Verb = Verb(verb)
	return true
}

func (p *parser) ended(s section, words []string, step *Step) bool {
	step.Code = -1
	if len(words) == 1 {
		return true
	}
	code, err := strconv.Atoi(words[1])
	if err != nil || code < 0 || code > 255 || len(words) > 2 {
		p.wrong(s.line, `%q: behind ended stands an exit code from 0 to 255, or nothing`, s.name)
		return false
	}
	step.Code = code
	return true
}

func (p *parser) pause(s section, words []string, step *Step) bool {
	d, err := time.ParseDuration(strings.Join(words[1:], " "))
	if err != nil || d <= 0 || d > longestPause {
		p.wrong(s.line, "%q is not a pause of up to %s, such as -- pause 200ms --", s.name, longestPause)
		return false
	}
	step.Pause = d
	return true
}

func (p *parser) logged(s section, words []string, step *Step) bool {
	if len(words) > 1 {
		p.wrong(s.line, `%q: what the log has to say stands below, a line each`, s.name)
		return false
	}
	for line := range strings.Lines(s.text) {
		if line = strings.TrimSpace(line); line != "" {
			step.Log = append(step.Log, line)
		}
	}
	if len(step.Log) == 0 {
		p.wrong(s.line, "a logged section says what the log has to say, a line each")
	}
	return len(step.Log) > 0
}

// acting are the kinds that no app can answer by itself.
var acting = []Kind{Tell, Ended, Load}

// acts checks what a case does to its server.
func (p *parser) acts(saved map[string]bool) {
	stopped := false
	for i := range p.c.Steps {
		step := &p.c.Steps[i]
		if slices.Contains(acting, step.Kind) && p.c.Golden != FromWire {
			p.wrong(step.Line, `what comes of a %s is not the app's to say: write "golden: wire" above, and the responses by hand`, step.Kind)
		}
		switch {
		case step.Kind == Load:
			p.loads(step)
		case step.Kind == Tell && step.Verb == KillWorker && !saved[Worker]:
			p.wrong(step.Line, `which worker? an expect saves its process number: \{save %s [0-9]+}`, Worker)
		case step.Kind == Ended && !stopped:
			p.wrong(step.Line, `a server ends when it is told to: write "-- tell stop --" above`)
		}
		stopped = stopped || step.Verb == Stop
	}
}

// loads checks that a load can be sent again and again: its connection must end with its response,
// or an idle one that the server closes could not be told from a request that it lost.
func (p *parser) loads(step *Step) {
	data, err := step.Bytes(nil)
	if err != nil {
		p.wrong(step.Line, "a load is the same for every client: %v", err)
		return
	}
	if all := ReadRequests(data); len(all) != 1 || !all[0].Complete || !all[0].Has("Connection", "close") {
		p.wrong(step.Line, "a load is one whole request that says Connection: close")
	}
}
