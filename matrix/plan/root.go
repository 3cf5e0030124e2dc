package plan

import (
	"fmt"
	"os"
	"path/filepath"
)

// FindRoot looks for matrix.yaml in the working folder and upward. The root is named
// relative to the working folder, so that messages show paths that can be opened from there.
func FindRoot() (string, error) {
	here, err := os.Getwd()
	if err != nil {
		return "", err
	}
	root := "."
	for dir := here; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, File)); err == nil {
			return root, nil
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("no %s in %s or above: go into a checkout, or name it with --root", File, here)
		}
		root = filepath.Join(root, "..")
	}
}
