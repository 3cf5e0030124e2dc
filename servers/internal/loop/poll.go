package loop

import (
	"os"
	"syscall"
	"time"
	"unsafe"
)

// Waker is an eventfd: one thread wakes another that polls.
type Waker struct{ FD int }

// NewWaker opens one.
func NewWaker() (*Waker, error) {
	fd, _, errno := syscall.RawSyscall(syscall.SYS_EVENTFD2, 0, syscall.O_CLOEXEC|syscall.O_NONBLOCK, 0)
	if errno != 0 {
		return nil, os.NewSyscallError("eventfd2", errno)
	}
	return &Waker{FD: int(fd)}, nil
}

// Wake makes the descriptor readable. Any thread may call it.
func (w *Waker) Wake() {
	one := [8]byte{1}
	syscall.Write(w.FD, one[:]) //nolint:errcheck,gosec // a full counter wakes as well
}

// Clear makes it unreadable again.
func (w *Waker) Clear() {
	var b [8]byte
	syscall.Read(w.FD, b[:]) //nolint:errcheck,gosec // nothing to read: clear already
}

// Poll's events.
const (
	PollIn  = 0x1
	PollOut = 0x4
)

// PollFD is the kernel's struct pollfd.
type PollFD struct {
	FD      int32
	Events  int16
	Revents int16
}

// Poll waits until one is ready or the deadline has passed (zero: none), and reports whether
// any is; Revents say which. It blocks its thread: release the GIL first.
func Poll(fds []PollFD, deadline time.Time) bool {
	for {
		timeout := -1
		if !deadline.IsZero() {
			timeout = int(max(0, time.Until(deadline)+time.Millisecond-1) / time.Millisecond)
		}
		n, _, errno := syscall.Syscall(syscall.SYS_POLL, uintptr(unsafe.Pointer(unsafe.SliceData(fds))), uintptr(len(fds)), uintptr(timeout))
		if errno != syscall.EINTR {
			return errno == 0 && n > 0
		}
	}
}
