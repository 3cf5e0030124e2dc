package golden

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"wsgimatrix/matrix/mistake"
)

// side is where a placeholder stands.
type side int

const (
	inSend side = iota
	inExpect
)

// hold is a placeholder.
type hold struct {
	verb  string
	line  int           // in the file
	name  string        // of save and use
	n     int           // of bytes, repeat and sha256
	text  []byte        // of repeat: the text; of sha256: the digest
	re    string        // of re and save, as RE2 over one rune a byte
	pause time.Duration // of pause
}

// maxMade bounds what one placeholder may make, so that a typing error cannot fill the memory.
const maxMade = 256 << 20

// A holdParser reads a placeholder's arguments.
type holdParser func(h *hold, args string) error

var holds = map[side]map[string]holdParser{
	inSend: {
		"length": noArguments,
		"bytes":  func(h *hold, args string) error { return h.count(args) },
		"repeat": parseRepeat,
		"use":    parseName,
	},
	inExpect: {
		"any":    noArguments,
		"date":   noArguments,
		"re":     parsePattern,
		"save":   parseSave,
		"use":    parseName,
		"sha256": parseSHA256,
		"pause":  parsePause,
	},
}

// parseHold reads what stands between \{ and }.
func parseHold(inner string, s side) (*hold, error) {
	verb, args, _ := strings.Cut(inner, " ")
	parse, ok := holds[s][verb]
	if !ok {
		return nil, unknownHold(verb, s)
	}
	h := &hold{verb: verb}
	if err := parse(h, args); err != nil {
		return nil, fmt.Errorf(`\{%s}: %w`, inner, err)
	}
	return h, nil
}

func unknownHold(verb string, s side) error {
	if _, elsewhere := holds[1-s][verb]; elsewhere {
		where := [...]string{inSend: "an expect", inExpect: "a send"}[s]
		return fmt.Errorf(`\{%s} has a meaning in %s only`, verb, where)
	}
	return fmt.Errorf(`\{%s} is no placeholder: %s`, verb, mistake.Nearest(verb, slices.Collect(maps.Keys(holds[s]))))
}

func noArguments(_ *hold, args string) error {
	if args != "" {
		return errors.New("it takes no argument")
	}
	return nil
}

// count reads a number of bytes.
func (h *hold) count(s string) error {
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 || n > maxMade {
		return fmt.Errorf("%q is not a number from 0 to %d", s, maxMade)
	}
	h.n = n
	return nil
}

func parseRepeat(h *hold, args string) error {
	n, text, ok := strings.Cut(args, " ")
	if !ok || text == "" {
		return errors.New(`it is written \{repeat N TEXT}`)
	}
	if err := h.count(n); err != nil {
		return err
	}
	var err error
	if h.text, err = unescapeAll(text); err != nil {
		return err
	}
	if len(h.text)*h.n > maxMade {
		return fmt.Errorf("it makes more than %d bytes", maxMade)
	}
	return nil
}

func unescapeAll(s string) ([]byte, error) {
	var b bytes.Buffer
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' {
			b.WriteByte(s[i])
			continue
		}
		if i+1 == len(s) {
			return nil, errors.New(`it ends with a single \`)
		}
		value, n := unescape(s[i+1:])
		if n == 0 {
			return nil, fmt.Errorf(`\%c is no escape here: there are \\ \r \n \t \0 and \xNN`, s[i+1])
		}
		b.WriteByte(value)
		i += n
	}
	return b.Bytes(), nil
}

var nameShape = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_-]*$`)

func parseName(h *hold, args string) error {
	if !nameShape.MatchString(args) {
		return fmt.Errorf("%q is not a name: letters, digits, - and _, a letter first", args)
	}
	h.name = args
	return nil
}

func parseSave(h *hold, args string) error {
	name, pattern, _ := strings.Cut(args, " ")
	if err := parseName(h, name); err != nil {
		return err
	}
	return parsePattern(h, pattern)
}

func parsePattern(h *hold, args string) error {
	if args == "" {
		return errors.New("it needs a pattern")
	}
	if _, err := regexp.Compile(args); err != nil {
		return fmt.Errorf("the pattern does not compile: %w", err)
	}
	h.re = string(widen([]byte(args)))
	if _, err := regexp.Compile(h.re); err != nil {
		return fmt.Errorf(`the pattern does not compile; bytes from 0x80 are written \xNN in a class: %w`, err)
	}
	return nil
}

func parseSHA256(h *hold, args string) error {
	n, digest, _ := strings.Cut(args, " ")
	if err := h.count(n); err != nil {
		return err
	}
	sum, err := hex.DecodeString(digest)
	if err != nil || len(sum) != 32 {
		return fmt.Errorf("%q is not a SHA-256 of 64 hex digits", digest)
	}
	h.text = sum
	return nil
}

func parsePause(h *hold, args string) error {
	d, err := time.ParseDuration(args)
	if err != nil || d <= 0 {
		return fmt.Errorf("%q is not a duration such as 50ms", args)
	}
	h.pause = d
	return nil
}
