package report

import (
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestVisible(t *testing.T) {
	for text, want := range map[string]string{
		"plain ⚙ é":         "plain ⚙ é",
		"a\r\nb\tc\x00":     "a\\r\nb\\tc\\0",
		"\xff\xc3":          `\xff\xc3`,
		"\x1b[31m":          `\x1b[31m`,
		"\u202eexe":         `\xe2\x80\xaeexe`,
		"\u00a0\u200b":      `\xc2\xa0\xe2\x80\x8b`,
		"\ufffd":            "\ufffd",
		`back\slash`:        `back\slash`,
		"\U000e0041 \ufffe": `\xf3\xa0\x81\x81 \xef\xbf\xbe`,
	} {
		if got := visible(text); got != want {
			t.Errorf("%q is shown as %q, not %q", text, got, want)
		}
	}
}

func TestNotation(t *testing.T) {
	for text, want := range map[string][]span{
		"":                  nil,
		"Host: a":           {{"", "Host: a"}},
		`a\{any}b`:          {{"", "a"}, {"h", `\{any}`}, {"", "b"}},
		`\x00\x0a\r\\`:      {{"x", `\x00\x0a\r\\`}},
		`\{broken`:          {{"", `\{broken`}},
		"\\{\u202e}":        {{"", `\{`}, {"x", `\xe2\x80\xae`}, {"", "}"}},
		"\\x0\u202e":        {{"", `\x0`}, {"x", `\xe2\x80\xae`}},
		"\xff two  ":        {{"x", `\xff`}, {"", " two"}, {"w", "··"}},
		"long ⚙ é \\n more": {{"", "long ⚙ é "}, {"x", `\n`}, {"", " more"}},
	} {
		if got := notation(text); !reflect.DeepEqual(got, want) {
			t.Errorf("%q is split into %q, not %q", text, got, want)
		}
	}
}

func TestRaw(t *testing.T) {
	for text, want := range map[string][]span{
		"200 OK\r\n": {{"", "200 OK"}, {"x", `\r\n`}},
		"a\n":        {{"", "a"}, {"x", `\n`}},
		"end":        {{"", "end"}},
		"a\\x  \r\n": {{"", "a"}, {"x", `\\`}, {"", "x"}, {"w", "··"}, {"x", `\r\n`}},
		"\x00\xff\t": {{"x", `\0\xff\t`}},
	} {
		if got := raw(text); !reflect.DeepEqual(got, want) {
			t.Errorf("%q is split into %q, not %q", text, got, want)
		}
	}
}

// Both splits are asked for a quarter of a megabyte of what is worst for them; a time that grows with the
// square of the length would be far longer.
func TestSplittingIsLinear(t *testing.T) {
	for _, unit := range []string{`\`, "\xff", `\x00`, `\{any}`, `\{`, "a\x00", " "} {
		text := strings.Repeat(unit, 1<<18/len(unit))
		began := time.Now()
		notation(text)
		raw(text)
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("%q: %s", unit, took)
		}
	}
}

func TestCut(t *testing.T) {
	if kept, note := cut("abc", 3); kept != "abc" || note != "" {
		t.Errorf("%q, %q", kept, note)
	}
	if kept, note := cut("ab⚙d", 4); kept != "ab" || note != "4 of 6 bytes are not shown here: results.json has the whole." {
		t.Errorf("%q, %q", kept, note)
	}
	if kept, note := cutFront("a⚙cd", 4); kept != "⚙cd" || note != "The first 1 of 6 bytes are not shown here: results.json has the whole." {
		t.Errorf("%q, %q", kept, note)
	}
	if kept, _ := cut("\x80\x80\x80\x80\x80\x80", 5); len(kept) != 5 {
		t.Errorf("of bytes that are no runes %d are kept, not 5", len(kept))
	}
}

func TestMark(t *testing.T) {
	const diff = "--- golden\n+++ received\n@@ -1,4 +1,4 @@\n 200 OK\n-A: 1\n--- x\n+A: 2\n+++ y\n \n same\n"
	changed := readDiff(diff)
	want := changes{kept: []string{"200 OK", "", "same"}, gone: []string{"A: 1", "-- x"}, come: []string{"A: 2", "++ y"}}
	if !reflect.DeepEqual(changed, want) {
		t.Fatalf("read as %q, not %q", changed, want)
	}
	if got := changed.nearest([]string{"404 Not Found\n\n", "200 OK\nA: 1\n-- x\n\nsame\n"}); got != 1 {
		t.Errorf("the nearest alternative is %d, not 1", got)
	}
	if got := mark([]string{"A: 2", "same", "A: 2"}, changed.come); !reflect.DeepEqual(got, []bool{true, false, false}) {
		t.Errorf("marked: %v; of two equal lines of which one changed, one is", got)
	}
}

func TestClauses(t *testing.T) {
	want := []reference{
		{"C86", ""}, {"RFC 9110 §9.3.2", "https://www.rfc-editor.org/rfc/rfc9110#section-9.3.2"},
		{"PEP 3333", "https://peps.python.org/pep-3333/"}, {"RFC 6265", "https://www.rfc-editor.org/rfc/rfc6265"},
		{"javascript:alert(1)", ""},
	}
	if got := clauseRefs("C86, RFC 9110 §9.3.2; PEP 3333", "RFC 6265", "", "javascript:alert(1)"); !reflect.DeepEqual(got, want) {
		t.Errorf("%q, not %q", got, want)
	}
}

func TestLinks(t *testing.T) {
	for address, good := range map[string]bool{
		"https://example.org/1": true, "http://example.org": true, "HTTPS://example.org": true,
		"javascript:alert(1)": false, "data:text/html,x": false, "//example.org": false, "": false, "file:///etc/passwd": false,
		"https:alert(1)": false, " https://example.org": false, "https://exa\u202emple.org/\n": false,
	} {
		if got := linkTo(address).Href != ""; got != good {
			t.Errorf("%q is linked to: %v", address, got)
		}
	}
}

func TestSeconds(t *testing.T) {
	for s, want := range map[float64]string{
		0: "0.0 ms", 0.0042: "4.2 ms", 0.31: "310 ms", 0.9996: "1.0 s", 2.06: "2.1 s", 59.94: "59.9 s", 59.96: "1 min 0 s", 83: "1 min 23 s", 4000: "66 min 40 s",
	} {
		if got := seconds(s); got != want {
			t.Errorf("%v is %q, not %q", s, got, want)
		}
	}
}

func TestCommandIsQuoted(t *testing.T) {
	if got, want := command([]string{"bin/matrix", "run", "--case", "*/head it's", ""}), `bin/matrix run --case '*/head it'\''s' ''`; got != want {
		t.Errorf("%s, not %s", got, want)
	}
}
