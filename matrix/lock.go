package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// lock keeps an output folder for one run. It is also how others see that a run lives: the
// system gives it back when a process dies, however it dies.
type lock struct {
	path string
	file *os.File
}

// holder is what a lock file says about who holds it.
type holder struct {
	PID     int       `json:"pid"`
	Since   time.Time `json:"since"`
	Command string    `json:"command"`
}

const (
	lockName  = ".lock"
	lockTries = 10 // a sweep of another run may hold the lock for a moment, to see whether anybody does
	lockPause = 20 * time.Millisecond
)

func takeLock(dir string, command []string) (*lock, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	path := filepath.Join(dir, lockName)
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, err
	}
	if err := tryLock(file); err != nil {
		return nil, errors.Join(refusal(dir, file, err), file.Close())
	}
	l := &lock{path, file}
	if err := l.sign(holder{os.Getpid(), time.Now().UTC(), strings.Join(command, " ")}); err != nil {
		return nil, errors.Join(err, l.release())
	}
	return l, nil
}

func tryLock(file *os.File) error {
	var err error
	for range lockTries {
		err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return err
		}
		time.Sleep(lockPause) // who sweeps tells nobody when it is done
	}
	return err
}

// refusal says who is in the way, and what to do.
func refusal(dir string, file *os.File, err error) error {
	if !errors.Is(err, syscall.EWOULDBLOCK) {
		return fmt.Errorf("%s cannot be locked: %w", file.Name(), err)
	}
	who := "another run"
	var h holder
	if data, readErr := io.ReadAll(io.LimitReader(file, 1<<20)); readErr == nil && json.Unmarshal(data, &h) == nil {
		who = fmt.Sprintf("another run: pid %d since %s (%s)", h.PID, h.Since.Local().Format(time.DateTime), h.Command)
	}
	return fmt.Errorf("%s is in use by %s; wait until it ends, or write elsewhere with --out DIR", dir, who)
}

func (l *lock) sign(h holder) error {
	data, err := json.Marshal(h)
	if err != nil {
		return err
	}
	if err := l.file.Truncate(0); err != nil {
		return err
	}
	_, err = l.file.WriteAt(append(data, '\n'), 0)
	return err
}

// release gives the lock back. The file stays: removing it would let two runs hold two
// locks of one name.
func (l *lock) release() error { return l.file.Close() }
