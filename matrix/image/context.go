package image

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"
)

// file is one file of the build context.
type file struct {
	path string // with slashes, from the root of the checkout
	mode int64
	data []byte
}

// readContext reads what a build may see, in lexical order: what .dockerignore leaves of
// the checkout. It is small, so it is kept in memory.
func readContext(root string) ([]file, error) {
	ignored, err := ignoredBy(filepath.Join(root, ".dockerignore"))
	if err != nil {
		return nil, err
	}
	var files []file
	err = filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, path)
		if err != nil || name == "." {
			return err
		}
		return ignored.visit(entry, name, func() error {
			read, err := readFile(path, name)
			files = append(files, read)
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("image: read the build context: %w", err)
	}
	return files, nil
}

// ignore is a .dockerignore file.
type ignore struct{ *patternmatcher.PatternMatcher }

func ignoredBy(path string) (ignore, error) {
	text, err := os.Open(path)
	if err != nil {
		return ignore{}, fmt.Errorf("image: %w", err)
	}
	defer func() { _ = text.Close() }() // read only
	patterns, err := ignorefile.ReadAll(text)
	if err != nil {
		return ignore{}, fmt.Errorf("image: %s: %w", path, err)
	}
	matcher, err := patternmatcher.New(patterns)
	if err != nil {
		return ignore{}, fmt.Errorf("image: %s: %w", path, err)
	}
	return ignore{matcher}, nil
}

// visit calls take for a regular file that is not ignored, and steps over folders of which
// nothing can be wanted: a checkout may hold a large one.
func (i ignore) visit(entry fs.DirEntry, name string, take func() error) error {
	skip, err := i.MatchesOrParentMatches(name)
	switch {
	case err != nil:
		return err
	case skip && entry.IsDir() && !i.wantsBelow(filepath.ToSlash(name)):
		return filepath.SkipDir
	case skip || !entry.Type().IsRegular():
		return nil
	}
	return take()
}

// wantsBelow tells whether an exception (!path) names something inside folder.
func (i ignore) wantsBelow(folder string) bool {
	for _, p := range i.Patterns() {
		if p.Exclusion() && strings.HasPrefix(p.String(), folder+"/") {
			return true
		}
	}
	return false
}

func readFile(path, name string) (file, error) {
	info, err := os.Stat(path)
	if err != nil {
		return file{}, err
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return file{}, err
	}
	// Only whether it may be executed counts: the rest is the umask of whoever checked it out.
	mode := int64(0o644)
	if info.Mode()&0o100 != 0 {
		mode = 0o755
	}
	return file{path: filepath.ToSlash(name), mode: mode, data: data}, nil
}

// when is the time of every file: the same in each checkout, so that a layer is made once. Not
// the epoch, which programs take for "unknown": whitenoise sends no Last-Modified then.
var when = time.Date(2026, time.January, 1, 0, 0, 0, 0, time.UTC)

// pack makes the tar that is sent to the builder.
func pack(files []file) ([]byte, error) {
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, f := range files {
		head := &tar.Header{Name: f.path, Mode: f.mode, Size: int64(len(f.data)), ModTime: when}
		if err := w.WriteHeader(head); err != nil {
			return nil, err
		}
		if _, err := w.Write(f.data); err != nil {
			return nil, err
		}
	}
	err := w.Close()
	return out.Bytes(), err
}
