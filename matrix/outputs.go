package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"wsgimatrix/matrix/capability"
	"wsgimatrix/matrix/report"
	"wsgimatrix/matrix/results"
)

// outputs are the files that a run leaves in its output folder.
var outputs = []struct {
	name  string
	write func(io.Writer, *results.Run) error
}{
	{"results.json", results.Write},
	{reportName, report.WriteHTML},
	{"badge.svg", report.WriteBadge},
	{"junit.xml", report.WriteJUnit},
	{"results.md", report.WriteMarkdown},
}

const reportName = "report.html"

// writeOutputs writes every file, and goes on with the next when one cannot be written.
func writeOutputs(dir string, r *results.Run) error {
	var errs []error
	for _, o := range outputs {
		err := replace(filepath.Join(dir, o.name), func(w io.Writer) error { return o.write(w, r) })
		errs = append(errs, err)
	}
	if table := capability.Make(r); table != nil {
		errs = append(errs, writeCapabilities(dir, r, table))
	} else { // those of an earlier run would be taken for this one's
		for _, name := range capabilityNames {
			errs = append(errs, os.RemoveAll(filepath.Join(dir, name)))
		}
	}
	return errors.Join(errs...)
}

// capabilityNames are what writeCapabilities writes.
var capabilityNames = []string{"capabilities.json", "capabilities.html", "capabilities.md", badgesName}

// writeCapabilities writes what the run says about each server, and a badge for each.
func writeCapabilities(dir string, r *results.Run, t *capability.Table) error {
	badges := filepath.Join(dir, badgesName)
	if err := os.MkdirAll(badges, 0o755); err != nil { //nolint:gosec // a report is for everybody to read
		return err
	}
	errs := []error{
		replace(filepath.Join(dir, "capabilities.json"), t.Write),
		replace(filepath.Join(dir, "capabilities.html"), func(w io.Writer) error { return report.WriteCapabilities(w, r, t) }),
		replace(filepath.Join(dir, "capabilities.md"), func(w io.Writer) error { return report.WriteCapabilitiesMarkdown(w, t) }),
	}
	for i := range t.Servers {
		s := &t.Servers[i]
		errs = append(errs, replace(filepath.Join(badges, s.Name+".svg"), func(w io.Writer) error { return report.WriteServerBadge(w, t, s) }))
	}
	return errors.Join(errs...)
}

const badgesName = "badges" // the folder of the servers' badges

// replace writes a file whole or not at all: whoever reads it meanwhile reads the old one.
func replace(path string, write func(io.Writer) error) (err error) {
	file, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("write %s: %w", path, err), os.Remove(file.Name()))
		}
	}()
	if err := errors.Join(write(file), file.Chmod(0o644), file.Close()); err != nil {
		return err
	}
	return os.Rename(file.Name(), path)
}
