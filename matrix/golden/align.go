package golden

import (
	"strings"

	"wsgimatrix/matrix/wire"
)

// row sets a golden header line beside the received one: one of the two may be missing.
type row struct {
	golden  *field
	got     *wire.Field
	agrees  bool   // they match, or the rules of comparison say that it does not count
	learned *found // of a match
}

// align sets the golden's header lines, in its order, beside the response's; those that the golden does not have come last.
func (e *Expectation) align(fields []wire.Field, vars Vars) []row {
	rows := make([]row, len(e.fields))
	taken := make([]bool, len(fields))
	for i := range e.fields {
		rows[i].golden = &e.fields[i]
		rows[i].agrees = e.fields[i].name == "" // the line \{any}
	}
	for _, name := range e.names() {
		pair(rows, fields, taken, name, vars)
	}
	for i := range rows {
		if rows[i].got == nil && strings.EqualFold(rows[i].golden.name, "Content-Length") {
			rows[i].agrees = true // compared only where both have it
		}
	}
	for i := range fields {
		if !taken[i] && !e.ignores(fields[i].Name) {
			rows = append(rows, row{got: &fields[i]})
		}
	}
	return rows
}

// names are the names in the golden, each once, in lower case.
func (e *Expectation) names() []string {
	var names []string
	seen := map[string]bool{"": true}
	for i := range e.fields {
		if name := strings.ToLower(e.fields[i].name); !seen[name] {
			seen[name] = true
			names = append(names, name)
		}
	}
	return names
}

// ignores tells whether a received header that the golden does not have counts for nothing.
func (e *Expectation) ignores(name string) bool {
	if e.anyFields || strings.EqualFold(name, "Content-Length") {
		return true
	}
	if !serverOwned(name) {
		return false
	}
	for i := range e.fields {
		if strings.EqualFold(e.fields[i].name, name) {
			return false // the golden speaks of it, so it counts
		}
	}
	return true
}

// pair sets the lines of one name beside each other. As many here as there: in their order.
// Else those that match find each other first, so that only the surplus differs.
func pair(rows []row, fields []wire.Field, taken []bool, name string, vars Vars) {
	var want, have []int
	for i := range rows {
		if strings.EqualFold(rows[i].golden.name, name) {
			want = append(want, i)
		}
	}
	for i := range fields {
		if strings.EqualFold(fields[i].Name, name) {
			have = append(have, i)
		}
	}
	if len(want) != len(have) {
		want, have = pairMatching(rows, fields, taken, want, have, vars)
	}
	for i := range min(len(want), len(have)) {
		rows[want[i]].set(&fields[have[i]], vars)
		taken[have[i]] = true
	}
}

// pairMatching pairs what matches, in order, and returns what is left on both sides.
func pairMatching(rows []row, fields []wire.Field, taken []bool, want, have []int, vars Vars) (wantLeft, haveLeft []int) {
	for _, w := range want {
		matched := false
		for i, h := range have {
			if _, ok := rows[w].golden.value.match([]byte(fields[h].Value), false, vars); ok {
				rows[w].set(&fields[h], vars)
				taken[h] = true
				haveLeft = append(haveLeft, have[:i]...)
				have, matched = have[i+1:], true
				break
			}
		}
		if !matched {
			wantLeft = append(wantLeft, w)
		}
	}
	return wantLeft, append(haveLeft, have...)
}

func (r *row) set(got *wire.Field, vars Vars) {
	r.got = got
	r.learned, r.agrees = r.golden.value.match([]byte(got.Value), false, vars)
}

// text is the line that the normalised response has in this place; "" when it has none.
func (r *row) text() string {
	switch {
	case r.agrees:
		return r.golden.source
	case r.got == nil:
		return ""
	}
	return fieldText(*r.got)
}

// keepHolds writes a body's lines as the golden's where those hold placeholders and still match.
func (e *Expectation) keepHolds(written, body string, vars Vars) string {
	if written != writeOut([]byte(body), true) || !e.body.holds() {
		return written // it is cut or named by a digest
	}
	golden := lines(e.body)
	got := strings.Split(body, "\n")
	next := 0
	var out []string
	for i, line := range got {
		out = append(out, writeOut([]byte(line), false))
		from, to := next, len(golden)
		if len(golden) == len(got) {
			from, to = i, i+1
		}
		for k := from; k < to; k++ {
			if p := pattern(golden[k]); len(p) > 0 && p.holds() {
				if _, ok := p.match([]byte(line), false, vars); ok {
					out[i], next = source(e.Text, p), k+1
					break
				}
			}
		}
	}
	return strings.Join(out, "\n")
}
