package loop

import (
	"net"
	"strconv"
	"syscall"
	"time"

	"wsgimatrix/servers/internal/conn"
	"wsgimatrix/servers/internal/environ"
)

// acceptMax bounds how many connections one wake-up takes, so that other workers get theirs.
const acceptMax = 16

// Listener is a listening, non-blocking socket.
type Listener struct {
	FD   int
	Unix bool
}

// Close stops listening, as far as this process goes.
func (l *Listener) Close() {
	if l.FD >= 0 {
		syscall.Close(l.FD) //nolint:errcheck,gosec // nothing is left to do about it
		l.FD = -1
	}
}

// Accept takes one waiting connection; ok is false when there is none.
func (l *Listener) Accept(cfg *conn.Config) (c *conn.Conn, ok bool, err error) {
	for {
		fd, addr, err := syscall.Accept4(l.FD, syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC)
		switch err {
		case nil:
			if !l.Unix {
				// Responses are written whole: waiting to fill a segment only delays them.
				syscall.SetsockoptInt(fd, syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1) //nolint:errcheck,gosec // slower at worst
			}
			return conn.New(fd, peerOf(addr), cfg), true, nil
		case syscall.EAGAIN:
			return nil, false, nil
		case syscall.EINTR, syscall.ECONNABORTED:
			continue
		default:
			return nil, false, err
		}
	}
}

func peerOf(addr syscall.Sockaddr) environ.Peer {
	switch a := addr.(type) {
	case *syscall.SockaddrInet4:
		return environ.Peer{Addr: net.IP(a.Addr[:]).String(), Port: strconv.Itoa(a.Port)}
	case *syscall.SockaddrInet6:
		return environ.Peer{Addr: net.IP(a.Addr[:]).String(), Port: strconv.Itoa(a.Port)}
	}
	return environ.Peer{}
}

// accept takes up to most of what waits. Without a free descriptor it lets the queue wait for a
// second: the connections stay in the kernel's backlog.
func (l *Loop) accept(w *conn.Worker, most int) {
	for range most {
		c, ok, err := l.listener.Accept(l.cfg)
		if err != nil {
			l.cfg.Logf("accept: %v; trying again in %s", err, scanEvery)
			l.pause()
		}
		if !ok {
			return
		}
		l.adopt(c, w)
	}
}

func (l *Loop) adopt(c *conn.Conn, w *conn.Worker) {
	if c.FD >= maxFD {
		l.cfg.Logf("more than %d connections: refusing one", maxFD)
		c.Close(w)
		return
	}
	e := &Entry{Conn: c, fd: c.FD, events: in}
	l.conns[e.fd].Store(e)
	l.count.Add(1)
	l.top = max(l.top, e.fd)
	if err := l.control(syscall.EPOLL_CTL_ADD, e.fd, in); err != nil {
		l.cfg.Logf("%v", err)
		l.Settle(e, c.Close(w))
	}
}

func (l *Loop) pause() {
	l.control(syscall.EPOLL_CTL_DEL, l.listener.FD, 0) //nolint:errcheck,gosec // it is watched
	l.paused = true
}

func (l *Loop) resume() {
	if l.paused && l.stopped.IsZero() {
		l.paused = false
		if err := l.control(syscall.EPOLL_CTL_ADD, l.listener.FD, in|exclusive); err != nil {
			l.cfg.Logf("%v", err)
		}
	}
}

// each calls f with every connection that no other thread steps.
func (l *Loop) each(f func(*Entry)) {
	for fd := range l.top + 1 {
		if e := l.conns[fd].Load(); e != nil && !e.taken() {
			f(e)
		}
	}
}

func (e *Entry) taken() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.busy
}

// scan ends what has waited too long.
func (l *Loop) scan(w *conn.Worker, now time.Time) {
	l.resume()
	l.each(func(e *Entry) {
		if now.After(e.Deadline()) {
			l.Settle(e, e.Expire(w))
		}
	})
}

// stop begins the ending: what waits in the backlog is taken, then nothing new. The kernel
// refuses new connections as soon as nobody else listens on this socket.
func (l *Loop) stop(w *conn.Worker) {
	l.stopped = time.Now().Add(l.limit)
	w.Draining = true
	l.accept(w, maxFD)
	l.control(syscall.EPOLL_CTL_DEL, l.listener.FD, 0) //nolint:errcheck,gosec // it is watched, or paused
	l.listener.Close()
	l.sweep()
}

// sweep gives idle connections one more turn, for a request may have arrived; without one
// they close.
func (l *Loop) sweep() {
	l.each(func(e *Entry) {
		if e.Idle() {
			l.turns = append(l.turns, e)
		}
	})
}
