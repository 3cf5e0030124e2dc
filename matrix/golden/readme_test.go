package golden

import (
	"os"
	"strings"
	"testing"
)

// TestReadme holds the specification against the code.
func TestReadme(t *testing.T) {
	data, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	readme := string(data)
	_, rest, _ := strings.Cut(readme, "```\n")
	example, rest, _ := strings.Cut(rest, "```\n")
	c := parse(t, example)
	if text, _ := plain(c.Steps[1].Golden[0].body); len(c.Steps) != 4 || string(text) != "welcome\n" {
		t.Errorf("the example has %d steps, and its first body is %q", len(c.Steps), text)
	}
	_, rest, _ = strings.Cut(rest, "```\n")
	section, rest, _ := strings.Cut(rest, "```\n")
	c = parse(t, "T\n-- send --\nGET / HTTP/1.1\n\n"+section+"GET / HTTP/1.1\n\n")
	if text, _ := plain(c.Steps[1].Golden[0].body); string(text) != "hello\n" {
		t.Errorf("the body of the second example is %q", text)
	}
	_, rest, _ = strings.Cut(rest, "```\n")
	telling, _, _ := strings.Cut(rest, "```\n")
	if c = parse(t, telling); !c.Ends() || len(c.Steps) != 6 {
		t.Errorf("the third example has %d steps, and tells the server %s", len(c.Steps), c.Tells())
	}
	for _, word := range promised() {
		if !strings.Contains(readme, "| `"+word) {
			t.Errorf("no table has a row that begins with %s", word)
		}
	}
}

// promised are the words that the format's tables have to explain.
func promised() []string {
	words := []string{"-- or "}
	for key := range keys {
		words = append(words, key+"`")
	}
	for kind := range sectionKinds {
		words = append(words, "-- "+kind+" ")
	}
	for _, side := range holds {
		for verb := range side {
			words = append(words, `\{`+verb)
		}
	}
	return words
}
