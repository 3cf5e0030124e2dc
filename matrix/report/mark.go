package report

import (
	"slices"
	"strings"
)

// line is one line of a text that is shown beside others.
type line struct {
	Marked bool // it differs
	Spans  []span
}

// changes are the lines that a unified diff takes away and adds, without their marks.
type changes struct {
	kept, gone, come []string
}

// readDiff reads a unified diff as golden.Compare writes it.
func readDiff(diff string) changes {
	var c changes
	inHunk := false
	for text := range strings.Lines(diff) {
		text = strings.TrimSuffix(text, "\n")
		switch {
		case strings.HasPrefix(text, "@@"):
			inHunk = true
		case !inHunk || text == "":
		case text[0] == '-':
			c.gone = append(c.gone, text[1:])
		case text[0] == '+':
			c.come = append(c.come, text[1:])
		case text[0] == ' ':
			c.kept = append(c.kept, text[1:])
		}
	}
	return c
}

// nearest is the alternative that a diff was made from: the one with most of its lines.
func (c changes) nearest(goldens []string) int {
	best, most := 0, -1
	for i, text := range goldens {
		lines := splitLines(text)
		n := 0
		for _, l := range slices.Concat(c.kept, c.gone) {
			if slices.Contains(lines, l) {
				n++
			}
		}
		if n > most {
			best, most = i, n
		}
	}
	return best
}

// mark tells which of the lines are among those that changed. Each counts once: of two
// equal lines of which one changed, one is marked.
func mark(lines, changed []string) []bool {
	left := make(map[string]int)
	for _, l := range changed {
		left[l]++
	}
	marked := make([]bool, len(lines))
	for i, l := range lines {
		if left[l] > 0 {
			left[l]--
			marked[i] = true
		}
	}
	return marked
}

// splitLines splits text at its line ends, which it drops. The last one begins no further line.
func splitLines(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(strings.TrimSuffix(text, "\n"), "\n")
}

// notationLines are the lines of a text in the notation of case files, with those marked that changed.
func notationLines(text string, changed []string) []line {
	texts := splitLines(text)
	marked := mark(texts, changed)
	lines := make([]line, len(texts))
	for i, t := range texts {
		lines[i] = line{marked[i], notation(t)}
	}
	return lines
}

// rawLines are the lines of bytes as they came.
func rawLines(text string) []line {
	var lines []line
	for t := range strings.Lines(text) {
		lines = append(lines, line{Spans: raw(t)})
	}
	return lines
}
