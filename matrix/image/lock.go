package image

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// buildLock keeps two runs on one machine, of one checkout or of two, from building the same
// images at the same time: the second waits, and finds them there. The system gives the lock
// back when a process ends, however it ends.
func buildLock(ctx context.Context, say func(string, ...any)) (release func(), err error) {
	path := filepath.Join(os.TempDir(), fmt.Sprintf("wsgi-matrix-build-%d.lock", os.Getuid()))
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, fmt.Errorf("image: lock for builds: %w", err)
	}
	release = func() { _ = file.Close() } // which gives the lock back
	if err := acquire(ctx, file, say); err != nil {
		release()
		return nil, fmt.Errorf("image: wait for the builds of another run (it holds %s): %w", path, err)
	}
	return release, nil
}

func acquire(ctx context.Context, file *os.File, say func(string, ...any)) error {
	ctx, cancel := context.WithTimeout(ctx, limits.Build)
	defer cancel()
	tick := time.NewTicker(200 * time.Millisecond) // a lock cannot be waited for and given up
	defer tick.Stop()
	for first := true; ; first = false {
		err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return err
		}
		if first {
			say("waiting for another run to build its images")
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
