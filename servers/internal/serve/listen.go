package serve

import (
	"context"
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"
)

// bind listens and leaves the descriptor, inheritable, in cfg.
func bind(address string, cfg *Config) error {
	network := "tcp"
	if path, ok := strings.CutPrefix(address, "unix:"); ok {
		network, address, cfg.Unix = "unix", path, true
		if err := removeStale(path); err != nil {
			return err
		}
	}
	listen := &net.ListenConfig{}
	listen.SetMultipathTCP(false) // Go's default; nothing here makes use of it
	l, err := listen.Listen(context.Background(), network, address)
	if err != nil {
		return fmt.Errorf("--bind: %w", err)
	}
	if u, ok := l.(*net.UnixListener); ok {
		u.SetUnlinkOnClose(false)
	}
	file, err := l.(interface{ File() (*os.File, error) }).File()
	if err != nil {
		return err
	}
	cfg.ListenFD, err = inheritable(file)
	if err != nil {
		return err
	}
	cfg.ServerName, cfg.ServerPort = nameOf(l.Addr())
	return l.Close()
}

// removeStale removes a socket that nobody listens on.
func removeStale(path string) error {
	info, err := os.Stat(path)
	if err != nil || info.Mode().Type() != os.ModeSocket {
		return nil //nolint:nilerr // there is nothing to remove: listening will say what is wrong
	}
	if c, err := net.Dial("unix", path); err == nil {
		c.Close() //nolint:errcheck // only asked whether somebody answers
		return fmt.Errorf("--bind: %s: another server listens there", path)
	}
	return os.Remove(path)
}

// inheritable returns a descriptor of the file that lives through exec and does not block.
func inheritable(file *os.File) (int, error) {
	defer file.Close() //nolint:errcheck // the copy is what counts
	fd, err := syscall.Dup(int(file.Fd()))
	if err != nil {
		return -1, os.NewSyscallError("dup", err)
	}
	return fd, os.NewSyscallError("fcntl", syscall.SetNonblock(fd, true))
}

// nameOf gives SERVER_NAME and SERVER_PORT, which are never empty (PEP 3333).
func nameOf(addr net.Addr) (name, port string) {
	tcp, ok := addr.(*net.TCPAddr)
	if !ok {
		return "localhost", "80"
	}
	name = tcp.IP.String()
	if tcp.IP.IsUnspecified() {
		if host, err := os.Hostname(); err == nil && host != "" {
			name = host
		}
	}
	return name, fmt.Sprint(tcp.Port)
}
