//go:build toolchain

package servers_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// What the kernel knows of a server's processes.

// family is the process and all its descendants.
func (s *server) family() []int {
	return append([]int{s.cmd.Process.Pid}, descendants(s.cmd.Process.Pid)...)
}

func descendants(pid int) (all []int) {
	for _, child := range children(pid) {
		all = append(append(all, child), descendants(child)...)
	}
	return all
}

func children(pid int) (pids []int) {
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid)) //nolint:errcheck // the pattern is good
	for _, task := range tasks {
		text, _ := os.ReadFile(task) //nolint:errcheck // it has just ended
		for _, field := range strings.Fields(string(text)) {
			if child, err := strconv.Atoi(field); err == nil {
				pids = append(pids, child)
			}
		}
	}
	return pids
}

// workers are the processes that serve: the one, or prefork's.
func (s *server) workers() []int {
	if s.model.name != "prefork" {
		return []int{s.cmd.Process.Pid}
	}
	var pids []int
	for _, zygote := range children(s.cmd.Process.Pid) {
		pids = append(pids, children(zygote)...)
	}
	return pids
}

func alive(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && !strings.Contains(string(stat), ") Z ")
}

// descriptors counts what the serving processes hold open.
func (s *server) descriptors() (n int) {
	for _, pid := range s.workers() {
		fds, _ := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid)) //nolint:errcheck // it has just ended
		n += len(fds)
	}
	return n
}

// sockets counts those of the descriptors that are sockets.
func (s *server) sockets() (n int) {
	for _, pid := range s.workers() {
		fds, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid)) //nolint:errcheck // the pattern is good
		for _, fd := range fds {
			if link, _ := os.Readlink(fd); strings.HasPrefix(link, "socket:") { //nolint:errcheck // it has just been closed
				n++
			}
		}
	}
	return n
}

// resident is the memory of the serving processes, in bytes.
func (s *server) resident(t *testing.T) (sum int) {
	t.Helper()
	for _, pid := range s.workers() {
		sum += statusField(t, pid, "VmRSS:") << 10
	}
	return sum
}

func statusField(t *testing.T, pid int, name string) int {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, name); ok {
			n, err := strconv.Atoi(strings.Fields(value)[0])
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
	}
	t.Fatalf("no %s of process %d", name, pid)
	return 0
}
