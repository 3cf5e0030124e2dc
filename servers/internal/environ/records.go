package environ

import (
	"encoding/binary"
	"slices"
	"strconv"
)

// records is a list of pairs, as Append describes it, in the making.
type records struct {
	buf   []byte
	start int // of the count, in buf
	count uint32
}

// next begins a record, and returns the place for the name and the value behind it.
func (out *records) next(id uint32, name, value int) []byte {
	const fixed = 12
	at, size := len(out.buf), (name+value+3)&^3
	out.buf = slices.Grow(out.buf, fixed+size)[:at+fixed+size]
	record := out.buf[at:]
	binary.NativeEndian.PutUint32(record[size+fixed-4:], 0) // the padding, and what is written over next
	binary.NativeEndian.PutUint32(record[0:], id)
	binary.NativeEndian.PutUint32(record[4:], uint32(name))
	binary.NativeEndian.PutUint32(record[8:], uint32(value))
	out.count++
	return record[fixed:]
}

func (out *records) add(id uint32, value []byte) {
	copy(out.next(id, 0, len(value)), value)
}

func (out *records) addString(id uint32, value string) {
	copy(out.next(id, 0, len(value)), value)
}

func (out *records) addNumber(id uint32, n int64) {
	var digits [20]byte
	out.add(id, strconv.AppendInt(digits[:0], n, 10))
}

// finish writes the count, which stands before the records.
func (out *records) finish() []byte {
	binary.NativeEndian.PutUint32(out.buf[out.start:], out.count)
	return out.buf
}
