package conn

import (
	"os"
	"syscall"
	"unsafe"
)

// The calls on a socket are raw: it is non-blocking, so there is nothing for the Go scheduler
// to do meanwhile, and a call costs what the kernel takes.

func recv(fd int, p []byte) (int, error) {
	for {
		n, _, errno := syscall.RawSyscall(syscall.SYS_READ, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)))
		if errno == syscall.EINTR {
			continue
		}
		return result(n, errno)
	}
}

func send(fd int, p []byte) (int, error) {
	for {
		n, _, errno := syscall.RawSyscall6(syscall.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)), syscall.MSG_NOSIGNAL, 0, 0)
		if errno == syscall.EINTR {
			continue
		}
		return result(n, errno)
	}
}

// sendv sends three pieces with one call.
func sendv(fd int, a, b []byte, c string) (int, error) {
	iov := [3]syscall.Iovec{
		{Base: unsafe.SliceData(a), Len: uint64(len(a))},
		{Base: unsafe.SliceData(b), Len: uint64(len(b))},
		{Base: unsafe.StringData(c), Len: uint64(len(c))},
	}
	msg := syscall.Msghdr{Iov: &iov[0], Iovlen: 3}
	for {
		n, _, errno := syscall.RawSyscall(syscall.SYS_SENDMSG, uintptr(fd), uintptr(unsafe.Pointer(&msg)), syscall.MSG_NOSIGNAL)
		if errno == syscall.EINTR {
			continue
		}
		return result(n, errno)
	}
}

func result(n uintptr, errno syscall.Errno) (int, error) {
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}

// unlinked opens a file that has no name: it is gone with its last descriptor.
func unlinked() (*os.File, error) {
	file, err := os.CreateTemp("", "wsgi-")
	if err != nil {
		return nil, err
	}
	os.Remove(file.Name()) //nolint:errcheck,gosec // it is only untidy if it stays
	return file, nil
}

// rewound returns a descriptor of the file at its start; the file itself is closed.
func rewound(file *os.File) int {
	defer file.Close() //nolint:errcheck // reading goes through the copy
	fd, err := syscall.Dup(int(file.Fd()))
	if err != nil {
		return -1
	}
	syscall.CloseOnExec(fd)
	syscall.Seek(fd, 0, 0) //nolint:errcheck,gosec // a regular file
	return fd
}
