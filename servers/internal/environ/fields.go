package environ

import (
	"bytes"

	"wsgimatrix/servers/internal/http1"
)

// header is what becomes of a field.
type header struct {
	id    uint32 // index into Keys, Named, or dropped
	hash  uint32 // of the name, whatever its case; only if Named
	size  int    // of the value, with those that are joined to it
	first int    // index of the first field of this name, whose record holds all of them
}

const dropped = Named - 1

// names remembers which names a request has used so far.
type names struct {
	known [len(keys)]int // 1 + index of the first field with this key
	bits  uint64         // one for each hash of a Named field: most requests repeat none
}

// classify finds the key of each field, and which fields share one.
func (e *Encoder) classify(fields []http1.Field) error {
	e.heads = e.heads[:0]
	var used names
	for i, f := range fields {
		h := header{id: lookup(f.Name), size: len(f.Value), first: i}
		switch {
		case h.id == Named:
			h.hash = hashName(f.Name)
			h.first = e.firstNamed(&used, fields, i, h.hash)
		case h.id != dropped:
			h.first = used.firstKnown(i, h.id)
		}
		e.heads = append(e.heads, h)
		if h.first == i {
			continue
		}
		if h.id == idContentType {
			return errContentType
		}
		e.heads[h.first].size += len(separator(h.id)) + h.size
	}
	return nil
}

// firstKnown finds the first field with the key of field i.
func (u *names) firstKnown(i int, id uint32) int {
	if u.known[id] == 0 {
		u.known[id] = i + 1
	}
	return u.known[id] - 1
}

// firstNamed finds the first field with the name of field i.
func (e *Encoder) firstNamed(used *names, fields []http1.Field, i int, hash uint32) int {
	bit := uint64(1) << (hash & 63)
	if used.bits&bit == 0 {
		used.bits |= bit
		return i
	}
	for j, h := range e.heads {
		if h.id == Named && h.hash == hash && bytes.EqualFold(fields[j].Name, fields[i].Name) {
			return j
		}
	}
	return i
}

// lookup finds the id of a header name. A name with an underscore is dropped: "X_A" would
// pass for "X-A", which a proxy in front may have checked (C15).
func lookup(name []byte) uint32 {
	if len(name) < longestName {
		for _, k := range byLength[len(name)] {
			if equalFold(name, k.lower) {
				return k.id
			}
		}
	}
	if bytes.IndexByte(name, '_') >= 0 {
		return dropped
	}
	return Named
}

// equalFold compares a token with a lower-case name of the same length.
func equalFold(name []byte, lower string) bool {
	for i, c := range name {
		if c|0x20 != lower[i] {
			return false
		}
	}
	return true
}

// hashName is FNV-1a over the name without case.
func hashName(name []byte) uint32 {
	h := uint32(2166136261)
	for _, c := range name {
		h = (h ^ uint32(c|0x20)) * 16777619
	}
	return h
}

// separator joins repeated fields: RFC 9110 §5.3; for Cookie RFC 6265 §5.4.
func separator(id uint32) string {
	if id == idCookie {
		return "; "
	}
	return ","
}

func (e *Encoder) addFields(out *records, fields []http1.Field) {
	for i, h := range e.heads {
		if h.id == dropped || h.first < i {
			continue
		}
		f := fields[i]
		var value []byte
		if h.id == Named {
			name := len("HTTP_") + len(f.Name)
			value = out.next(Named, name, h.size)
			putName(value, f.Name)
			value = value[name:]
		} else {
			value = out.next(h.id, 0, h.size)
		}
		n := copy(value, f.Value)
		if n < h.size {
			e.join(value[n:], fields, i)
		}
	}
}

// join writes the values of the fields that repeat field i.
func (e *Encoder) join(dst []byte, fields []http1.Field, i int) {
	for j := i + 1; j < len(fields); j++ {
		if e.heads[j].first == i {
			dst = dst[copy(dst, separator(e.heads[i].id)):]
			dst = dst[copy(dst, fields[j].Value):]
		}
	}
}

// putName writes the key of a header that has no id.
func putName(dst, name []byte) {
	dst = dst[copy(dst, "HTTP_"):]
	for i, c := range name {
		switch {
		case c == '-':
			c = '_'
		case 'a' <= c && c <= 'z':
			c -= 'a' - 'A'
		}
		dst[i] = c
	}
}
