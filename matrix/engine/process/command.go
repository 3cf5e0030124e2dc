//go:build linux

package process

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"wsgimatrix/matrix/engine"
)

// The words of a server.yaml's command that mean something other where there is no container.
const (
	relay      = "relay" // relay SOCKET COMMAND…: the server listens on a Unix socket, which needs no relay here
	bind       = "--bind"
	unixPrefix = "unix:"
)

// argv is the command line of a cell, and gives the cell its address.
func (e *Engine) argv(spec engine.Spec, cell *instance) ([]string, error) {
	words := slices.Clone(spec.Command)
	if words == nil {
		words = slices.Clone(spec.Own)
	}
	unix := e.opts.Socket == Unix
	if len(words) > 2 && words[0] == relay {
		words, unix = words[2:], true
	}
	if len(words) == 0 || words[0] != filepath.Base(spec.Image) {
		return nil, fmt.Errorf("its command does not begin with %s, and nothing else can be run without a container", filepath.Base(spec.Image))
	}
	words[0] = spec.Image
	at := slices.Index(words, bind)
	if at < 0 || at+1 >= len(words) {
		return nil, fmt.Errorf("its command has no %s, so it cannot be told where to listen", bind)
	}
	if unix {
		cell.addr = unixPrefix + cell.path("socket")
		words[at+1] = cell.addr
		return words, nil
	}
	port, err := e.port()
	cell.addr = fmt.Sprintf("127.0.0.1:%d", port)
	words[at+1] = cell.addr
	return words, err
}

// The ports that cells are given stand below those that the kernel gives to clients.
const (
	firstPort = 20000
	ports     = 10000
)

// port finds a free port that no cell of this run has had. Two runs at once begin at different ones.
func (e *Engine) port() (int, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	// A child that is born now keeps the socket until it execs, and it would answer in the cell's place.
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	for range ports {
		e.lastPort++
		port := firstPort + (os.Getpid()*37+e.lastPort)%ports
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			return port, l.Close()
		}
	}
	return 0, errors.New("there is no free port between 20000 and 29999")
}
