// Package diff shows how two texts differ.
package diff

import (
	"strings"

	"github.com/pmezard/go-difflib/difflib"
)

// Unified is the unified diff of two texts, with this many lines of context; "" when they are equal.
func Unified(nameA, nameB, a, b string, context int) string {
	if a == b {
		return ""
	}
	text, err := difflib.GetUnifiedDiffString(difflib.UnifiedDiff{
		A: difflib.SplitLines(strings.TrimSuffix(a, "\n")), FromFile: nameA,
		B: difflib.SplitLines(strings.TrimSuffix(b, "\n")), ToFile: nameB,
		Context: context,
	})
	if err != nil {
		return "" // only a writer can fail, and this one cannot
	}
	return text
}
