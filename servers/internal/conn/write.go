package conn

import (
	"sync"

	"wsgimatrix/servers/internal/cpython"
	"wsgimatrix/servers/internal/http1"
)

// slots finds the connection that a write() of the application belongs to: C holds the number.
var slots struct {
	sync.RWMutex
	conns []*Conn
	free  []uint32
}

func register(c *Conn) uint32 {
	slots.Lock()
	defer slots.Unlock()
	if n := len(slots.free); n > 0 {
		slot := slots.free[n-1]
		slots.free = slots.free[:n-1]
		slots.conns[slot] = c
		return slot
	}
	slots.conns = append(slots.conns, c)
	return uint32(len(slots.conns) - 1) //nolint:gosec // fewer than there are descriptors
}

func unregister(c *Conn) {
	slots.Lock()
	defer slots.Unlock()
	slots.conns[c.slot] = nil
	slots.free = append(slots.free, c.slot)
}

// WriteCallable sends what the application gave to write() (PEP 3333), at once as far as the
// socket takes it; the rest is queued. It reports whether the client is still there.
func WriteCallable(slot uint32, s *cpython.Step) bool {
	slots.RLock()
	c := slots.conns[slot]
	slots.RUnlock()
	return c != nil && c.push(s)
}

func (c *Conn) push(s *cpython.Step) bool {
	if c.gone {
		return false
	}
	var out []byte
	if !s.Sent() {
		out = c.appendHead(out, s)
	}
	chunk := c.cut(s.Chunk())
	if c.chunked && len(chunk) > 0 {
		out = http1.AppendChunkHead(out, len(chunk))
		out = append(append(out, chunk...), "\r\n"...)
	} else {
		out = append(out, chunk...)
	}
	c.gone = c.sendOrKeep(out) != nil
	return !c.gone
}

// sendOrKeep sends what the socket takes, and queues the rest.
func (c *Conn) sendOrKeep(out []byte) error {
	for !c.out.empty() {
		n, err := c.sendWaiting()
		if err != nil {
			return err
		}
		if n == 0 {
			return c.queue(out)
		}
	}
	n, err := c.send(out, nil, "")
	if err != nil {
		return err
	}
	return c.queue(out[n:])
}
