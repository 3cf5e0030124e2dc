package golden

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"wsgimatrix/matrix/mistake"
)

var levels = []string{"must", "should", "may", "policy"}

// longestTimeout bounds a case's timeout: a longer one is a typing error, or a case that nobody would wait for.
const longestTimeout = 2 * time.Minute

// keys are what a comment may say.
var keys = map[string]func(p *parser, line int, value string){
	"level":    (*parser).level,
	"clause":   (*parser).clause,
	"link":     (*parser).link,
	"setup":    (*parser).setup,
	"socket":   (*parser).socket,
	"timeout":  (*parser).timeout,
	"golden":   (*parser).golden,
	"validate": (*parser).validate,
}

// comment reads the title and the keys.
func (p *parser) comment(text string) {
	all := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	p.c.Title = strings.TrimSpace(all[0])
	if p.c.Title == "" {
		p.wrong(1, "the first line is the case's title, and is empty")
	}
	if key, _, ok := strings.Cut(p.c.Title, ":"); ok && keys[key] != nil {
		p.wrong(1, "the first line is the case's title, and %q is a key: write a title above it", key)
	}
	seen := map[string]int{}
	for i, line := range all[1:] {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			p.key(i+2, line, seen)
		}
	}
}

func (p *parser) key(number int, line string, seen map[string]int) {
	key, value, ok := strings.Cut(line, ":")
	if !ok {
		p.wrong(number, `%q is neither "key: value", nor blank, nor a remark that begins with #, nor a section such as "-- send --"`, line)
		return
	}
	set, known := keys[key]
	if !known {
		p.wrong(number, "%q is no key: %s", key, mistake.Nearest(key, slices.Collect(maps.Keys(keys))))
		return
	}
	if first, twice := seen[key]; twice {
		p.wrong(number, "%q was given on line %d already", key, first)
		return
	}
	seen[key] = number
	if value = strings.TrimSpace(value); value == "" {
		p.wrong(number, "%q has no value", key)
		return
	}
	set(p, number, value)
}

func (p *parser) level(line int, value string) {
	if !slices.Contains(levels, value) {
		p.wrong(line, "%q is no level: %s", value, mistake.Nearest(value, levels))
	}
	p.c.Level = value
}

func (p *parser) clause(_ int, value string) {
	for clause := range strings.SplitSeq(value, ";") {
		if clause = strings.TrimSpace(clause); clause != "" {
			p.c.Clauses = append(p.c.Clauses, clause)
		}
	}
}

// SetupName is the shape of a set-up's name.
var SetupName = regexp.MustCompile(`^[a-z][a-z0-9-]*$`)

func (p *parser) setup(line int, value string) {
	if !SetupName.MatchString(value) {
		p.wrong(line, "%q is no name of a set-up: lower-case letters, digits and dashes", value)
	}
	p.c.Setup = value
}

// SocketTCP is a case's socket: it makes no sense where the server listens on a Unix socket.
const SocketTCP = "tcp"

func (p *parser) socket(line int, value string) {
	if value != SocketTCP {
		p.wrong(line, "%q is no socket: write %q, or leave the key out", value, SocketTCP)
	}
	p.c.Socket = value
}

func (p *parser) link(line int, value string) {
	if !strings.HasPrefix(value, "https://") && !strings.HasPrefix(value, "http://") {
		p.wrong(line, "%q is no address: it begins with https://", value)
	}
	p.c.Link = value
}

func (p *parser) timeout(line int, value string) {
	d, err := time.ParseDuration(value)
	if err != nil || d <= 0 || d > longestTimeout {
		p.wrong(line, "%q is not a duration up to %s, such as 5s or 500ms", value, longestTimeout)
	}
	p.c.Timeout = d
}

func (p *parser) golden(line int, value string) {
	if modes := []string{string(FromApp), string(FromWire)}; !slices.Contains(modes, value) {
		p.wrong(line, "%q is no origin of a golden: %s", value, mistake.Nearest(value, modes))
	}
	p.c.Golden = Mode(value)
}

func (p *parser) validate(line int, value string) {
	reason, off := strings.CutPrefix(value, "off ")
	if !off || strings.TrimSpace(reason) == "" {
		p.wrong(line, `%q: write "off" and the reason, or leave the key out`, value)
	}
	p.c.Validate = strings.TrimSpace(reason)
}
