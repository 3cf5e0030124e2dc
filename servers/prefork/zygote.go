package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"

	"wsgimatrix/servers/internal/serve"
)

// event is a line from a zygote, or its end.
type event struct {
	from   *zygote
	word   string // ready, forked, exited; empty: the zygote is gone
	pid    int
	status int
}

// zygote is a python3 that has imported the application and forks workers.
type zygote struct {
	cmd     *exec.Cmd
	control net.Conn
	alive   *os.File     // its workers serve until this is closed: by the master, or with it
	workers map[int]bool // their pids
	owed    int          // forks asked for and not yet answered
	err     error        // how it ended
}

// newZygote starts python3. Its lines, and its end, arrive on events.
func newZygote(cfg *serve.Config, p *serve.Python, listener *os.File, events chan<- event) (*zygote, error) {
	mine, theirs, err := pair()
	if err != nil {
		return nil, err
	}
	defer theirs.Close() //nolint:errcheck // the zygote has its own
	alive, hold, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(err, mine.Close())
	}
	defer alive.Close() //nolint:errcheck // the zygote has its own
	child := *cfg
	child.ControlFD, child.ListenFD, child.AliveFD = 3, 4, 5
	prepared := *p
	if err := prepared.Prepare(&child); err != nil {
		return nil, err
	}
	z := &zygote{control: mine, alive: hold, workers: map[int]bool{}}
	z.cmd = &exec.Cmd{
		Path: prepared.Path, Args: prepared.Args, Env: prepared.Env,
		Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
		ExtraFiles: []*os.File{theirs, listener, alive},
	}
	if err := z.cmd.Start(); err != nil {
		return nil, errors.Join(err, mine.Close(), hold.Close())
	}
	go z.listen(events)
	return z, nil
}

// pair is a socket pair: the master's end, and the file for the zygote.
func pair() (net.Conn, *os.File, error) {
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, os.NewSyscallError("socketpair", err)
	}
	file := os.NewFile(uintptr(fds[0]), "control")
	defer file.Close() //nolint:errcheck // FileConn has a copy
	mine, err := net.FileConn(file)
	return mine, os.NewFile(uintptr(fds[1]), "control"), err
}

// listen passes lines on until the zygote is gone.
func (z *zygote) listen(events chan<- event) {
	lines := bufio.NewScanner(z.control)
	for lines.Scan() {
		if e, err := parse(lines.Text()); err == nil {
			e.from = z
			events <- e
		}
	}
	z.err = z.cmd.Wait()
	events <- event{from: z}
}

func parse(line string) (event, error) {
	fields := strings.Fields(line)
	var e event
	var err error
	switch {
	case len(fields) == 1 && fields[0] == "ready":
	case len(fields) == 2 && fields[0] == "forked":
		e.pid, err = strconv.Atoi(fields[1])
	case len(fields) == 3 && fields[0] == "exited":
		e.pid, err = strconv.Atoi(fields[1])
		status, bad := strconv.Atoi(fields[2])
		e.status, err = status, errors.Join(err, bad)
	default:
		err = fmt.Errorf("the zygote said %q", line)
	}
	if len(fields) > 0 {
		e.word = fields[0]
	}
	return e, err
}

func (z *zygote) fork() {
	z.owed++
	z.say("fork")
}

// say tells the zygote a word: fork, or close (the listener: no more workers are wanted).
func (z *zygote) say(word string) {
	io.WriteString(z.control, word+"\n") //nolint:errcheck,gosec // if it is gone, listen says so
}

// end tells the workers to finish what they have begun.
func (z *zygote) end() {
	z.alive.Close() //nolint:errcheck,gosec // it may be closed already
}

func (z *zygote) kill() {
	for pid := range z.workers {
		syscall.Kill(pid, syscall.SIGKILL) //nolint:errcheck,gosec // it may be gone already
	}
	z.cmd.Process.Kill() //nolint:errcheck,gosec // it may be gone already
}

// exitCode is what the zygote ended with.
func (z *zygote) exitCode() int {
	var exit *exec.ExitError
	if errors.As(z.err, &exit) {
		return exit.ExitCode()
	}
	return 0
}
