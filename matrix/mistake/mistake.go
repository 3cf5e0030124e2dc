// Package mistake says what is wrong in a file that a person wrote, where, and what was
// probably meant.
package mistake

import (
	"fmt"
	"slices"
	"strings"
)

// At is one mistake, in a configuration or a case.
type At struct {
	File string
	Line int
	What string // what is wrong, and the mend
}

func (m *At) Error() string { return fmt.Sprintf("%s:%d: %s", m.File, m.Line, m.What) }

// Nearest ends a message about an unknown word: with the word that was probably meant, else
// with all that there are.
func Nearest(word string, known []string) string {
	best, least := "", len(word)/2+1
	for _, k := range known {
		if d := distance(word, k); d < least {
			best, least = k, d
		}
	}
	switch {
	case best != "":
		return fmt.Sprintf("did you mean %q?", best)
	case len(known) == 0:
		return "there is none"
	}
	return "there is " + strings.Join(slices.Sorted(slices.Values(known)), ", ")
}

// distance is how many letters have to be added, dropped, changed or swapped with their
// neighbour to turn a into b.
func distance(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		before, last, row = last, row, before
		row[0] = i + 1
		for j := range len(b) {
			change := last[j]
			if a[i] != b[j] {
				change++
			}
			row[j+1] = min(change, row[j]+1, last[j+1]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
	}
	return row[len(b)]
}
