package main

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"wsgimatrix/matrix/finding"
)

func TestChoose(t *testing.T) {
	var all []*finding.Finding
	for _, name := range []string{"a", "b", "c"} {
		all = append(all, &finding.Finding{File: filepath.Join(finding.Folder, name+".md")})
	}
	day := time.Date(2026, 11, 23, 6, 0, 0, 0, time.UTC)
	seen := map[string]bool{}
	for i := range 2 {
		chosen, err := choose(all, nil, 2, day.AddDate(0, 0, i))
		if err != nil || len(chosen) != 2 {
			t.Fatalf("%v, %v", chosen, err)
		}
		seen[chosen[0].File], seen[chosen[1].File] = true, true
	}
	if len(seen) != len(all) {
		t.Errorf("in two days of two, of three: %v", seen)
	}
	for _, sample := range []int{0, 3, 9} {
		if chosen, err := choose(all, nil, sample, day); err != nil || len(chosen) != 3 {
			t.Errorf("a sample of %d: %v, %v", sample, chosen, err)
		}
	}
	if chosen, err := choose(all, []string{"docs/../docs/findings/b.md"}, 1, day); err != nil || len(chosen) != 1 || chosen[0] != all[1] {
		t.Errorf("by its name: %v, %v", chosen, err)
	}
	if _, err := choose(all, []string{"docs/findings/d.md"}, 0, day); err == nil || !strings.Contains(err.Error(), "docs/findings/d.md is no finding") {
		t.Errorf("a file that is none: %v", err)
	}
}
