package docker

import (
	"errors"
	"os"
	"syscall"
)

// held tells whether some process holds the lock file. A shared lock is asked for, so that
// two sweeps at once do not take each other for a run.
func held(path string) bool {
	file, err := os.Open(path)
	if err != nil {
		return !errors.Is(err, os.ErrNotExist) // what cannot be read cannot be called dead
	}
	defer func() { _ = file.Close() }() // read only; closing also gives the lock back
	err = syscall.Flock(int(file.Fd()), syscall.LOCK_SH|syscall.LOCK_NB)
	return errors.Is(err, syscall.EWOULDBLOCK)
}

// freeMiB is what is left on the disk that holds path; negative: nobody knows.
func freeMiB(path string) int64 {
	var fs syscall.Statfs_t
	if err := syscall.Statfs(path, &fs); err != nil {
		return -1
	}
	return int64(uint64(fs.Bavail) * uint64(fs.Bsize) >> 20) //nolint:unconvert // other systems have other types
}

// ownSession keeps a daemon alive when the terminal that started it goes away.
func ownSession() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setsid: true} }
