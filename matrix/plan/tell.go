package plan

import (
	"gopkg.in/yaml.v3"

	"wsgimatrix/matrix/golden"
)

// tells reads how a server is told what cases tell it.
func (r *reader) tells(s *Server) func(*yaml.Node) {
	return func(n *yaml.Node) {
		s.Tell = map[golden.Verb]*Tell{}
		f := fields{}
		for _, verb := range golden.Verbs {
			f[string(verb)] = func(v *yaml.Node) { s.Tell[verb] = r.tell(verb, v) }
		}
		r.mapping(n, "tell", f)
	}
}

func (r *reader) tell(verb golden.Verb, n *yaml.Node) *Tell {
	t := &Tell{Verb: verb, Line: n.Line}
	r.mapping(n, "tell."+string(verb), fields{
		"signal":  r.choice("signal", &t.Signal, signals...),
		"command": r.texts("command", &t.Command, nil),
		"cannot":  r.text("cannot", &t.Cannot),
	})
	ways := 0
	for _, given := range []bool{t.Signal != "", t.Command != nil, t.Cannot != ""} {
		if given {
			ways++
		}
	}
	switch {
	case ways != 1 && n.Kind == yaml.MappingNode:
		r.wrong(t.Line, "tell.%s: give one of signal, command and cannot", verb)
	case verb == golden.Stop && t.Cannot != "":
		r.wrong(t.Line, "tell.stop: every server can be told to stop, by SIGKILL if by nothing else")
	case verb == golden.KillWorker && t.Command != nil:
		r.wrong(t.Line, "tell.kill-worker: the case knows the worker's process number: give the signal that kills it, or cannot")
	}
	return t
}

// Told is how a server is told something. What its server.yaml does not say it cannot be told, but for its
// end: that is its `stop`.
func (s *Server) Told(verb golden.Verb) *Tell {
	if t := s.Tell[verb]; t != nil {
		return t
	}
	if verb == golden.Stop {
		return &Tell{Verb: verb, Signal: s.Stop}
	}
	return &Tell{Verb: verb, Cannot: "its server.yaml does not say how"}
}
