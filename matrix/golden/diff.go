package golden

import (
	"strings"

	"github.com/pmezard/go-difflib/difflib"
)

// unified is the unified diff of two texts; "" when they are equal.
func unified(nameA, nameB, a, b string) string {
	if a == b {
		return ""
	}
	text, err := difflib.GetUnifiedDiffString(difflib.UnifiedDiff{
		A: difflib.SplitLines(strings.TrimSuffix(a, "\n")), FromFile: nameA,
		B: difflib.SplitLines(strings.TrimSuffix(b, "\n")), ToFile: nameB,
		Context: 3,
	})
	if err != nil {
		return "" // only a writer can fail, and this one cannot
	}
	return text
}
