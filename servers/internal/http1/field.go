package http1

import (
	"bytes"
	"math"
)

// parseField takes one field line and notes what it says about the message itself.
func (r *Request) parseField(line []byte) error {
	n := span(line, classToken)
	if n == 0 || n == len(line) || line[n] != ':' {
		if isBlank(line[0]) {
			return errFold
		}
		return errFieldName
	}
	name, value := line[:n], trim(line[n+1:])
	if !validValue(value) {
		return errFieldValue
	}
	r.Fields = append(r.Fields, Field{name, value})
	return r.note(name, value)
}

// note tells the few fields that matter here from the rest by their length.
func (r *Request) note(name, value []byte) error {
	switch len(name) {
	case len("host"):
		if equalFold(name, "host") {
			return r.noteHost(value)
		}
	case len("expect"):
		if equalFold(name, "expect") {
			return r.noteExpect(value)
		}
	case len("connection"):
		if equalFold(name, "connection") {
			r.noteConnection(value)
		}
	case len("content-length"):
		if equalFold(name, "content-length") {
			return r.noteLength(value)
		}
	case len("transfer-encoding"):
		if equalFold(name, "transfer-encoding") {
			return r.noteCoding(value)
		}
	}
	return nil
}

func (r *Request) noteHost(value []byte) error {
	if r.host >= 0 {
		return errHostTwice
	}
	if !validHost(value) {
		return errHostInvalid
	}
	r.host = len(r.Fields) - 1
	return nil
}

// noteExpect leaves HTTP/1.0 alone, which knows no expectations (RFC 9110 §10.1.1).
func (r *Request) noteExpect(value []byte) error {
	if r.Minor == 0 {
		return nil
	}
	if !equalFold(value, "100-continue") {
		return errExpect
	}
	r.options.expect = true
	return nil
}

func (r *Request) noteConnection(value []byte) {
	for len(value) > 0 {
		var option []byte
		option, value, _ = bytes.Cut(value, []byte(","))
		option = trim(option)
		if equalFold(option, "close") {
			r.options.close = true
		} else if equalFold(option, "keep-alive") {
			r.options.keep = true
		}
	}
}

// noteLength takes digits alone. A second Content-Length is refused even if it says the
// same (RFC 9112 §6.3 leaves the choice).
func (r *Request) noteLength(value []byte) error {
	if r.ContentLength >= 0 {
		return errLengthTwice
	}
	if len(value) == 0 {
		return errLength
	}
	var length int64
	for _, c := range value {
		d := int64(c) - '0'
		if d < 0 || d > 9 || length > (math.MaxInt64-d)/10 {
			return errLength
		}
		length = length*10 + d
	}
	r.ContentLength = length
	return nil
}

// noteCoding takes a list of codings; several fields make one list. An empty element and a
// parameter are legal elsewhere, but here nobody sends them with good intentions.
func (r *Request) noteCoding(value []byte) error {
	r.options.coding = true
	for {
		coding, rest, more := bytes.Cut(value, []byte(","))
		coding = trim(coding)
		if len(coding) == 0 || span(coding, classToken) < len(coding) {
			return errCoding
		}
		r.addCoding(coding)
		if !more {
			return nil
		}
		value = rest
	}
}

func (r *Request) addCoding(coding []byte) {
	r.options.afterChunked = r.options.afterChunked || r.Chunked
	if equalFold(coding, "chunked") {
		r.Chunked = true
	} else {
		r.options.other = true
	}
}

// conclude weighs the fields against each other, once all of them are there.
func (r *Request) conclude() error {
	if err := r.concludeHost(); err != nil {
		return err
	}
	if r.options.coding {
		if err := r.concludeCoding(); err != nil {
			return err
		}
	}
	r.KeepAlive = !r.options.close && (r.Minor == 1 || r.options.keep)
	r.ExpectContinue = r.options.expect && (r.Chunked || r.ContentLength > 0)
	return nil
}

func (r *Request) concludeHost() error {
	switch {
	case r.host < 0 && r.Minor == 1:
		return errHostMissing
	case r.host >= 0 && r.Host == nil:
		r.Host = r.Fields[r.host].Value
	}
	return nil
}

func (r *Request) concludeCoding() error {
	switch {
	case r.ContentLength >= 0:
		return errLengthCoding
	case r.Minor == 0:
		return errCodingOld
	case r.options.afterChunked:
		return errCodingOrder
	case r.options.other:
		return errCodingOther
	}
	return nil
}
