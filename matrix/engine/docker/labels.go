package docker

import (
	"fmt"
	"path/filepath"
)

// The labels that say whose a container, a volume or a network is. Images belong to nobody:
// checkouts share them by their content, and they carry Label alone.
const (
	Label         = "wsgi-matrix"          // "1" on everything
	LabelCheckout = "wsgi-matrix.checkout" // the absolute path of the checkout that made it
	labelRun      = "wsgi-matrix.run"      // the run
	labelLock     = "wsgi-matrix.lock"     // the file whose flock that run holds while it lives
)

// owner is this run, as its labels name it.
type owner struct {
	checkout, run, lock string
}

func (o owner) labels() map[string]string {
	return map[string]string{
		Label:         "1",
		LabelCheckout: o.checkout,
		labelRun:      o.run,
		labelLock:     o.lock,
	}
}

// Checkout is the name of a checkout on its engine: its path, absolute and free of links.
func Checkout(root string) (string, error) {
	path, err := filepath.Abs(root)
	if err == nil {
		path, err = filepath.EvalSymlinks(path)
	}
	if err != nil {
		return "", fmt.Errorf("docker: checkout %s: %w", root, err)
	}
	return path, nil
}
