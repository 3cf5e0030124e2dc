package plan

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"wsgimatrix/matrix/mistake"
)

// reader reads one YAML file strictly, and collects what is wrong in it. yaml.v3's own
// strict decoding names Go types instead of the mend, so the nodes are walked here.
type reader struct {
	file     string
	mistakes []error
}

// fields are the keys that a mapping may have, and what reads their values.
type fields map[string]func(*yaml.Node)

func (r *reader) wrong(line int, format string, args ...any) {
	r.mistakes = append(r.mistakes, &mistake.At{File: r.file, Line: line, What: fmt.Sprintf(format, args...)})
}

func (r *reader) err() error { return errors.Join(r.mistakes...) }

// read parses the file, and gives the mapping that it holds. It is nil if there is none.
func (r *reader) read() *yaml.Node {
	data, err := os.ReadFile(r.file)
	if err != nil {
		r.mistakes = append(r.mistakes, err) // names the file
		return nil
	}
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	var document yaml.Node
	if err := decoder.Decode(&document); err != nil && !errors.Is(err, io.EOF) {
		r.syntax(err)
		return nil
	}
	if document.Kind == 0 {
		r.wrong(1, "the file is empty")
		return nil
	}
	var second yaml.Node
	if err := decoder.Decode(&second); err == nil {
		r.wrong(second.Line, "a second document begins here: the file is one YAML document")
	}
	return document.Content[0]
}

var yamlLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?`)

// syntax turns the parser's error, which has its line in the text, into a mistake.
func (r *reader) syntax(err error) {
	text, line := err.Error(), 1
	if m := yamlLine.FindStringSubmatch(text); m != nil {
		if n, convErr := strconv.Atoi(m[1]); convErr == nil {
			line = n
		}
		text = strings.TrimPrefix(text, m[0])
	}
	r.wrong(line, "not YAML: %s", text)
}

// mapping reads a node that must be a mapping with no other keys than these.
func (r *reader) mapping(n *yaml.Node, what string, f fields) {
	n = follow(n)
	if n.Kind != yaml.MappingNode {
		r.wrong(n.Line, "%s must be a mapping (key: value), not %s", what, kind(n))
		return
	}
	seen := map[string]int{}
	for i := 0; i < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		read, known := f[key.Value]
		switch {
		case !known:
			r.wrong(key.Line, "unknown key %q in %s; %s", key.Value, what, mistake.Nearest(key.Value, slices.Collect(maps.Keys(f))))
		case seen[key.Value] > 0:
			r.wrong(key.Line, "%q was given on line %d already", key.Value, seen[key.Value])
		default:
			seen[key.Value] = key.Line
			read(follow(value))
		}
	}
}

// follow gives what an alias stands for.
func follow(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

// items reads a list.
func (r *reader) items(key string, read func(*yaml.Node)) func(*yaml.Node) {
	return func(n *yaml.Node) {
		if n.Kind != yaml.SequenceNode {
			r.wrong(n.Line, "%s must be a list, not %s", key, kind(n))
			return
		}
		for _, item := range n.Content {
			read(follow(item))
		}
	}
}

// text reads a string that may not be empty.
func (r *reader) text(key string, into *string) func(*yaml.Node) {
	return func(n *yaml.Node) { *into, _ = r.string(key, n) }
}

func (r *reader) string(key string, n *yaml.Node) (string, bool) {
	switch {
	case n.Kind == yaml.ScalarNode && n.Tag == "!!null", n.Kind == yaml.ScalarNode && strings.TrimSpace(n.Value) == "":
		r.wrong(n.Line, "%s is empty", key)
	case n.Kind != yaml.ScalarNode:
		r.wrong(n.Line, "%s must be text, not %s", key, kind(n))
	case n.Tag != "!!str":
		r.wrong(n.Line, "%s must be text, not %s: write %q with the quotes", key, kind(n), n.Value)
	default:
		return n.Value, true
	}
	return "", false
}

// texts reads a list of strings; check, if there is one, judges each.
func (r *reader) texts(key string, into *[]string, check func(line int, text string)) func(*yaml.Node) {
	return r.items(key, func(n *yaml.Node) {
		text, ok := r.string("an item of "+key, n)
		if !ok {
			return
		}
		if check != nil {
			check(n.Line, text)
		}
		*into = append(*into, text)
	})
}

// number reads an integer within bounds.
func (r *reader) number(key string, into *int, least, most int) func(*yaml.Node) {
	return func(n *yaml.Node) {
		value, err := strconv.Atoi(n.Value)
		if n.Kind != yaml.ScalarNode || n.Tag != "!!int" || err != nil {
			r.wrong(n.Line, "%s must be a number, not %s", key, kind(n))
			return
		}
		if value < least || value > most {
			r.wrong(n.Line, "%s must be from %d to %d, not %d", key, least, most, value)
		}
		*into = value
	}
}

// truth reads true or false.
func (r *reader) truth(key string, into *bool) func(*yaml.Node) {
	return func(n *yaml.Node) {
		if n.Kind != yaml.ScalarNode || n.Tag != "!!bool" || n.Decode(into) != nil {
			r.wrong(n.Line, "%s must be true or false, not %s", key, kind(n))
		}
	}
}

// choice reads one of several words.
func (r *reader) choice(key string, into *string, words ...string) func(*yaml.Node) {
	return func(n *yaml.Node) {
		text, ok := r.string(key, n)
		if ok && !slices.Contains(words, text) {
			r.wrong(n.Line, "%s cannot be %q; %s", key, text, mistake.Nearest(text, words))
		}
		*into = text
	}
}

var environName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// environment reads a mapping of names to text.
func (r *reader) environment(key string, into *map[string]string) func(*yaml.Node) {
	return func(n *yaml.Node) {
		f := fields{}
		*into = map[string]string{}
		for i := 0; n.Kind == yaml.MappingNode && i < len(n.Content); i += 2 {
			name := n.Content[i].Value
			if !environName.MatchString(name) {
				r.wrong(n.Content[i].Line, "%q is no name of an environment variable", name)
			}
			f[name] = func(v *yaml.Node) { (*into)[name], _ = r.string(key+"."+name, v) }
		}
		r.mapping(n, key, f)
	}
}

var kinds = map[string]string{
	"!!int": "the number %s", "!!float": "the number %s", "!!bool": "the truth value %s",
	"!!null": "nothing", "!!timestamp": "the date %s", "!!str": "the text %q",
}

// kind says in words what a node is.
func kind(n *yaml.Node) string {
	switch n.Kind {
	case yaml.SequenceNode:
		return "a list"
	case yaml.MappingNode:
		return "a mapping"
	}
	format, ok := kinds[n.Tag]
	switch {
	case !ok:
		return n.Tag
	case !strings.Contains(format, "%"):
		return format
	}
	return fmt.Sprintf(format, n.Value)
}
