// Package wire owns the bytes between the runner and a server: it sends what it is given,
// to the letter, and records what comes back, when it came, and how it was framed. It
// never repairs and never judges a response: whatever a server sends ends up in a
// Response, with its framing's faults in words. net/http is not used, for it hides just
// what has to be seen.
package wire

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"
	"time"
)

// Limits bound a connection.
type Limits struct {
	Connect time.Duration // for the TCP connection to stand
	Wait    time.Duration // for the next byte, and for room to send more
	Total   time.Duration // for one response, or one send, as a whole
	Record  int           // bytes of one response that are recorded
}

// stream is a connection of either kind.
type stream interface {
	net.Conn
	CloseWrite() error
}

// Conn is one connection to a server. It is used by one goroutine at a time; another,
// its own, reads ahead, so that times of arrival are true and a large send cannot
// deadlock with a large response.
type Conn struct {
	stream stream
	limits Limits
	in     *inbox
}

// unixPrefix begins the address of a Unix socket.
const unixPrefix = "unix:"

// Dial opens a connection to host:port or unix:PATH.
func Dial(ctx context.Context, addr string, limits Limits) (*Conn, error) {
	dialer := net.Dialer{Timeout: limits.Connect}
	network := "tcp"
	if path, ok := strings.CutPrefix(addr, unixPrefix); ok {
		network, addr = "unix", path
	}
	conn, err := dialer.DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	both, ok := conn.(stream)
	if !ok {
		return nil, errors.Join(fmt.Errorf("wire: a connection to %s cannot be closed on one side", addr), conn.Close())
	}
	c := &Conn{stream: both, limits: limits, in: newInbox(limits.Record)}
	go c.in.fill(both)
	return c, nil
}

// chunk is how much is sent at once: the limit on a wait holds for each.
const chunk = 64 << 10

// Send writes data. A server that answers and closes before it has read everything is
// no error: what could not be sent is left, and Receive tells what came.
func (c *Conn) Send(ctx context.Context, data []byte) error {
	c.in.open(true) // a server may not read on before what it sends is read
	defer c.in.open(false)
	stop := context.AfterFunc(ctx, func() { _ = c.stream.SetWriteDeadline(time.Now()) })
	defer stop()
	end := time.Now().Add(c.limits.Total)
	for sent := 0; sent < len(data); {
		if err := c.room(ctx, end); err != nil {
			return err
		}
		n, err := c.stream.Write(data[sent:min(sent+chunk, len(data))])
		sent += n
		if err != nil {
			return c.sendError(ctx, err, sent, len(data))
		}
	}
	return nil
}

// room sets the deadline of the next write.
func (c *Conn) room(ctx context.Context, end time.Time) error {
	next := time.Now().Add(c.limits.Wait)
	if next.After(end) {
		next = end
	}
	if err := c.stream.SetWriteDeadline(next); err != nil {
		return err
	}
	return ctx.Err() // after the deadline was set, which a cancellation sets too
}

func (c *Conn) sendError(ctx context.Context, err error, sent, all int) error {
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, os.ErrDeadlineExceeded):
		return fmt.Errorf("the server took %d of %d bytes, and no more within %s", sent, all, c.limits.Wait)
	case errors.Is(err, syscall.EPIPE), errors.Is(err, syscall.ECONNRESET):
		return nil
	}
	return fmt.Errorf("after %d of %d bytes: %w", sent, all, err)
}

// CloseWrite ends the sending side.
func (c *Conn) CloseWrite() error { return ignoreEnded(c.stream.CloseWrite()) }

// Close closes both sides and waits until nothing reads ahead any more.
func (c *Conn) Close() error {
	err := ignoreEnded(c.stream.Close())
	c.in.shut()
	<-c.in.done
	return err
}

// Reset closes with a RST. A Unix socket has none: its other end learns of a reset when bytes are
// left unread here, and of a close otherwise.
func (c *Conn) Reset() error {
	var err error
	if tcp, ok := c.stream.(*net.TCPConn); ok {
		err = ignoreEnded(tcp.SetLinger(0))
	}
	return errors.Join(err, c.Close())
}

// ignoreEnded passes over the errors of a connection that has ended by itself.
func ignoreEnded(err error) error {
	if errors.Is(err, net.ErrClosed) || errors.Is(err, syscall.ENOTCONN) || errors.Is(err, syscall.EINVAL) {
		return nil
	}
	return err
}

// AwaitByte waits until something has come that was not received yet, and leaves it there. It
// returns an error when nothing comes.
func (c *Conn) AwaitByte(ctx context.Context) error {
	cur := c.cursor(ctx)
	defer cur.release()
	if !cur.more() {
		return errors.New(cur.stopped(c.limits))
	}
	return nil
}

// AwaitClose waits until the server closes. It returns what the server sent before, and an
// error when it has not closed.
func (c *Conn) AwaitClose(ctx context.Context) (stray []byte, err error) {
	stray, end := c.drain(ctx, c.limits.Wait)
	if !end.Closed() {
		return stray, fmt.Errorf("the server has not closed the connection within %s", c.limits.Wait)
	}
	return stray, nil
}

// Settle ends the sending side of a connection on which nothing is outstanding, and returns
// what the server sends all the same before it closes too, or before wait is over.
func (c *Conn) Settle(ctx context.Context, wait time.Duration) (stray []byte) {
	if c.CloseWrite() != nil {
		return nil // the connection is gone, and with it all that could come
	}
	stray, _ = c.drain(ctx, wait)
	return stray
}

// drain takes what comes until the connection ends or wait is over: enough of it to show.
func (c *Conn) drain(ctx context.Context, wait time.Duration) ([]byte, End) {
	cur := c.cursor(ctx)
	defer cur.release()
	cur.wait, cur.deadline = wait, time.Now().Add(wait)
	for len(cur.data) < chunk && cur.more() {
		continue
	}
	c.in.take(len(cur.data))
	return cur.data, cur.end
}
