package plan

import (
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"wsgimatrix/matrix/mistake"
)

// matrix is what matrix.yaml says.
type matrix struct {
	servers, apps []string // names, in order
	exclude       []exclude
}

// exclude leaves pairs out.
type exclude struct {
	server, app, reason string // the first two are globs
}

func (m *matrix) excluded(server, app string) (reason string, yes bool) {
	for _, e := range m.exclude {
		if match(e.server, server) && match(e.app, app) {
			return e.reason, true
		}
	}
	return "", false
}

// match is path.Match for patterns that were checked when they were read.
func match(pattern, name string) bool {
	ok, err := path.Match(pattern, name)
	return ok && err == nil
}

func isGlob(s string) bool { return strings.ContainsAny(s, `*?[\`) }

func readMatrix(root string) (*matrix, error) {
	r := &reader{file: filepath.Join(root, File)}
	n := r.read()
	if n == nil {
		return nil, r.err()
	}
	servers, err := folders(root, "servers", serverFile)
	apps, err2 := folders(root, "apps", appFile)
	if err := errors.Join(err, err2); err != nil {
		return nil, err
	}
	m := &matrix{}
	r.mapping(n, File, fields{
		"servers": r.names("server", servers, &m.servers),
		"apps":    r.names("app", apps, &m.apps),
		"exclude": func(*yaml.Node) {}, // below: it needs the other two, whatever their order
	})
	r.required(n, File, "servers", "apps")
	r.excludes(n, m)
	return m, r.err()
}

// folders are those that hold a file of this name; others belong to somebody else.
func folders(root, kind, file string) ([]string, error) {
	found, err := filepath.Glob(filepath.Join(root, kind, "*", file))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", root, err)
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("%s: no folder here holds a %s", filepath.Join(root, kind), file)
	}
	names := make([]string, len(found))
	for i, f := range found {
		names[i] = filepath.Base(filepath.Dir(f))
	}
	return names, nil
}

// names reads a list of names and globs into the names that there are.
func (r *reader) names(kind string, known []string, into *[]string) func(*yaml.Node) {
	lines := map[string]int{}
	return func(n *yaml.Node) {
		var ignored []string
		r.texts(kind+"s", &ignored, func(line int, text string) {
			if isGlob(text) {
				r.glob(kind, line, text, known, lines, into)
				return
			}
			r.name(kind, line, text, known, lines, into)
		})(n)
		if n.Kind == yaml.SequenceNode && len(n.Content) == 0 {
			r.wrong(n.Line, "%ss is empty: name at least one %s, or \"*\"", kind, kind)
		}
	}
}

func (r *reader) name(kind string, line int, name string, known []string, lines map[string]int, into *[]string) {
	switch {
	case !slices.Contains(known, name):
		r.wrong(line, "no %s %q; %s", kind, name, mistake.Nearest(name, known))
	case lines[name] > 0:
		r.wrong(line, "%s %q is listed twice: line %d has it", kind, name, lines[name])
	default:
		lines[name] = line
		*into = append(*into, name)
	}
}

// glob adds what matches and is not there yet.
func (r *reader) glob(kind string, line int, pattern string, known []string, lines map[string]int, into *[]string) {
	if !r.pattern(line, pattern) {
		return
	}
	matched := false
	for _, name := range known {
		if !match(pattern, name) {
			continue
		}
		matched = true
		if lines[name] == 0 {
			lines[name] = line
			*into = append(*into, name)
		}
	}
	if !matched {
		r.wrong(line, "no %s matches %q; there is %s", kind, pattern, strings.Join(known, ", "))
	}
}

// pattern tells whether a glob is well-formed.
func (r *reader) pattern(line int, pattern string) bool {
	_, err := path.Match(pattern, "")
	if err != nil {
		r.wrong(line, "%q is no pattern: a [ has no ], or a \\ ends it", pattern)
	}
	return err == nil
}

// required says which keys a mapping lacks.
func (r *reader) required(n *yaml.Node, what string, keys ...string) {
	n = follow(n)
	if n.Kind != yaml.MappingNode {
		return // which has been said
	}
	for _, key := range keys {
		if value(n, key) == nil {
			r.wrong(n.Line, "%s has no %q", what, key)
		}
	}
}

// value is what a mapping has under a key.
func value(n *yaml.Node, key string) *yaml.Node {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return follow(n.Content[i+1])
		}
	}
	return nil
}

func (r *reader) excludes(n *yaml.Node, m *matrix) {
	n = follow(n)
	if n.Kind != yaml.MappingNode || value(n, "exclude") == nil {
		return
	}
	r.items("exclude", func(item *yaml.Node) {
		var e exclude
		r.mapping(item, "an exclusion", fields{
			"server": r.text("server", &e.server),
			"app":    r.text("app", &e.app),
			"reason": r.text("reason", &e.reason),
		})
		r.required(item, "an exclusion", "server", "app", "reason")
		r.side("server", item.Line, e.server, m.servers)
		r.side("app", item.Line, e.app, m.apps)
		m.exclude = append(m.exclude, e)
	})(value(n, "exclude"))
}

// side checks one half of an exclusion: it must mean something in this matrix.
func (r *reader) side(kind string, line int, pattern string, known []string) {
	if pattern == "" || !r.pattern(line, pattern) {
		return
	}
	if !slices.ContainsFunc(known, func(name string) bool { return match(pattern, name) }) {
		r.wrong(line, "the exclusion is of no %s in this matrix: %q; %s", kind, pattern, mistake.Nearest(pattern, known))
	}
}

var folderName = regexp.MustCompile(`^[a-z0-9]+([-._][a-z0-9]+)*$`)

// folder checks that a folder's name can name an image and a container.
func (r *reader) folder(name string) {
	if !folderName.MatchString(name) {
		r.wrong(1, "the folder's name %q names images too: let it be lower-case letters and digits, with single - . or _ between them", name)
	}
}
