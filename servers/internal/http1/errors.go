package http1

import (
	"errors"
	"strconv"
)

// ErrIncomplete asks for more bytes.
var ErrIncomplete = errors.New("http1: the head is not complete yet")

// Error is why a request is refused. Its status goes to the client, and the connection is
// closed behind it: where the next request begins is not certain any more.
type Error struct {
	Status int
	Reason string
}

func (e *Error) Error() string {
	return "http1: " + strconv.Itoa(e.Status) + " " + StatusText(e.Status) + ": " + e.Reason
}

// All refusals are made once: refusing costs no allocation.
var (
	errBlankLines   = &Error{400, "too many blank lines before the request line (RFC 9112 §2.2)"}
	errBareLF       = &Error{400, "LF without CR as line end (RFC 9112 §2.2)"}
	errBareCR       = &Error{400, "CR without LF (RFC 9112 §2.2)"}
	errMethod       = &Error{400, "the method is no token (RFC 9112 §3.1)"}
	errTarget       = &Error{400, "a byte that the request target may not hold (RFC 9112 §3.2)"}
	errTargetForm   = &Error{400, "the request target has no known form (RFC 9112 §3.2)"}
	errVersion      = &Error{400, "the request line does not end in HTTP/x.y (RFC 9112 §2.3)"}
	errMajor        = &Error{505, "neither HTTP/1.0 nor HTTP/1.1 (RFC 9110 §15.6.6)"}
	errConnect      = &Error{501, "CONNECT: this is no proxy (RFC 9110 §9.3.6)"}
	errLineLong     = &Error{414, "the request line is too long (RFC 9112 §3)"}
	errFieldLong    = &Error{431, "a field line is too long (RFC 6585 §5)"}
	errHeadLong     = &Error{431, "the head is too long (RFC 6585 §5)"}
	errFieldsMany   = &Error{431, "too many fields (RFC 6585 §5)"}
	errFieldName    = &Error{400, "the field name is no token followed by a colon (RFC 9112 §5.1)"}
	errFold         = &Error{400, "a line that begins with white space (RFC 9112 §2.2, §5.2)"}
	errFieldValue   = &Error{400, "a control character in a field value (RFC 9110 §5.5)"}
	errHostMissing  = &Error{400, "HTTP/1.1 without Host (RFC 9112 §3.2)"}
	errHostTwice    = &Error{400, "more than one Host (RFC 9112 §3.2)"}
	errHostInvalid  = &Error{400, "no valid host (RFC 9112 §3.2)"}
	errLength       = &Error{400, "Content-Length is no decimal number (RFC 9112 §6.3)"}
	errLengthTwice  = &Error{400, "more than one Content-Length (RFC 9112 §6.3)"}
	errLengthCoding = &Error{400, "Content-Length with Transfer-Encoding (RFC 9112 §6.1)"}
	errCoding       = &Error{400, "Transfer-Encoding is no list of codings (RFC 9112 §6.1)"}
	errCodingOrder  = &Error{400, "chunked is not the one last coding (RFC 9112 §6.3)"}
	errCodingOld    = &Error{400, "Transfer-Encoding in HTTP/1.0 (RFC 9112 §6.1)"}
	errCodingOther  = &Error{501, "a transfer coding other than chunked (RFC 9112 §6.1)"}
	errExpect       = &Error{417, "an expectation other than 100-continue (RFC 9110 §10.1.1)"}
	errChunkSize    = &Error{400, "the chunk size is no hexadecimal number (RFC 9112 §7.1)"}
	errChunkBig     = &Error{400, "the chunk size is too large (RFC 9112 §7.1)"}
	errChunkExt     = &Error{400, "a control character in a chunk extension (RFC 9112 §7.1.1)"}
	errChunkLong    = &Error{400, "the chunk extensions are too long (RFC 9112 §7.1.1)"}
	errChunkEnd     = &Error{400, "no CRLF behind the chunk data (RFC 9112 §7.1)"}
	errTrailerLong  = &Error{431, "the trailer section is too long (RFC 9112 §7.1.2)"}
)
