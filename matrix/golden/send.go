package golden

import (
	"bytes"
	"fmt"
	"strconv"
)

// Vars are what `save` kept, by name.
type Vars map[string][]byte

// message is a send: what stands in the file before the placeholders are filled in.
type message struct {
	raw        bool
	head, body []token
	blank      bool // a blank line ends the head
}

// newMessage splits a send's tokens; a raw or continued send is body alone.
func newMessage(tokens []token, raw, more bool) message {
	m := message{raw: raw}
	if raw || more {
		m.body = tokens
		if !raw {
			m.body = dropLastLineEnd(tokens)
		}
		return m
	}
	m.head, m.body, m.blank = headAndBody(tokens)
	return m
}

// Bytes are what a send step sends.
func (s *Step) Bytes(vars Vars) ([]byte, error) {
	body, err := s.send.fillBody(vars)
	if err != nil {
		return nil, err
	}
	head, err := s.send.fillHead(vars, len(body))
	if err != nil {
		return nil, err
	}
	return append(head, body...), nil
}

func (m *message) fillHead(vars Vars, length int) ([]byte, error) {
	head, err := fill(m.head, "\r\n", vars, length)
	if err != nil {
		return nil, err
	}
	if n := len(m.head); n > 0 && m.head[n-1].kind != lineEnd {
		head = append(head, "\r\n"...)
	}
	if m.blank {
		head = append(head, "\r\n"...)
	}
	return head, nil
}

func (m *message) fillBody(vars Vars) ([]byte, error) {
	if m.raw {
		return fill(m.body, "", vars, 0)
	}
	return fill(m.body, "\n", vars, 0)
}

// fill writes tokens out, with end for each line end.
func fill(tokens []token, end string, vars Vars, length int) ([]byte, error) {
	var b bytes.Buffer
	for i := range tokens {
		switch t := &tokens[i]; t.kind {
		case textToken:
			b.Write(t.text)
		case lineEnd:
			b.WriteString(end)
		default:
			if err := t.hold.make(&b, vars, length); err != nil {
				return nil, err
			}
		}
	}
	return b.Bytes(), nil
}

// make writes what a send's placeholder stands for.
func (h *hold) make(b *bytes.Buffer, vars Vars, length int) error {
	switch h.verb {
	case "length":
		b.WriteString(strconv.Itoa(length))
	case "bytes":
		b.Grow(h.n)
		for i := range h.n {
			b.WriteByte(byte(i % 251))
		}
	case "repeat":
		b.Write(bytes.Repeat(h.text, h.n))
	case "use":
		value, ok := vars[h.name]
		if !ok {
			return fmt.Errorf(`\{use %s}: nothing was saved under this name, since the response that should have held it differs`, h.name)
		}
		b.Write(value)
	}
	return nil
}
