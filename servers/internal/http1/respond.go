package http1

import (
	"strconv"
	"sync/atomic"
	"time"
)

// What stands on the wire as it is.
const (
	LastChunk = "0\r\n\r\n"
	Continue  = "HTTP/1.1 100 Continue\r\n\r\n"
)

// dateFormat is IMF-fixdate, RFC 9110 §5.6.7.
const dateFormat = "Mon, 02 Jan 2006 15:04:05 GMT"

type date struct {
	second int64
	text   [len(dateFormat)]byte
}

var latest atomic.Pointer[date]

// AppendDate appends the value of a Date field. The text of the latest second is kept for
// all callers, who may be concurrent.
func AppendDate(dst []byte, now time.Time) []byte {
	d := latest.Load()
	if second := now.Unix(); d == nil || d.second != second {
		d = &date{second: second}
		now.UTC().AppendFormat(d.text[:0], dateFormat)
		latest.Store(d)
	}
	return append(dst, d.text[:]...)
}

// AppendChunkHead appends what stands before the n bytes of a chunk. A chunk of none would
// end the body: n is at least 1.
func AppendChunkHead(dst []byte, n int) []byte {
	dst = strconv.AppendUint(dst, uint64(n), 16)
	return append(dst, '\r', '\n')
}

// AppendError appends a whole response that names the status and nothing else, and says
// that the connection ends. For a HEAD request the body is left out.
func AppendError(dst []byte, status int, now time.Time, head bool) []byte {
	line := strconv.Itoa(status) + " " + StatusText(status)
	dst = append(dst, "HTTP/1.1 "...)
	dst = append(dst, line...)
	dst = append(dst, "\r\nDate: "...)
	dst = AppendDate(dst, now)
	dst = append(dst, "\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: "...)
	dst = strconv.AppendInt(dst, int64(len(line)+1), 10)
	dst = append(dst, "\r\nConnection: close\r\n\r\n"...)
	if head {
		return dst
	}
	dst = append(dst, line...)
	return append(dst, '\n')
}

// StatusText is the reason phrase of a status code as RFC 9110 has it; "" if there is none.
// net/http has one too, but brings an HTTP client and TLS into every server.
func StatusText(code int) string { return statusTexts[code] }

var statusTexts = map[int]string{
	100: "Continue",
	101: "Switching Protocols",
	102: "Processing",
	103: "Early Hints",
	200: "OK",
	201: "Created",
	202: "Accepted",
	203: "Non-Authoritative Information",
	204: "No Content",
	205: "Reset Content",
	206: "Partial Content",
	207: "Multi-Status",
	208: "Already Reported",
	226: "IM Used",
	300: "Multiple Choices",
	301: "Moved Permanently",
	302: "Found",
	303: "See Other",
	304: "Not Modified",
	305: "Use Proxy",
	307: "Temporary Redirect",
	308: "Permanent Redirect",
	400: "Bad Request",
	401: "Unauthorized",
	402: "Payment Required",
	403: "Forbidden",
	404: "Not Found",
	405: "Method Not Allowed",
	406: "Not Acceptable",
	407: "Proxy Authentication Required",
	408: "Request Timeout",
	409: "Conflict",
	410: "Gone",
	411: "Length Required",
	412: "Precondition Failed",
	413: "Content Too Large",
	414: "URI Too Long",
	415: "Unsupported Media Type",
	416: "Range Not Satisfiable",
	417: "Expectation Failed",
	418: "I'm a teapot",
	421: "Misdirected Request",
	422: "Unprocessable Content",
	423: "Locked",
	424: "Failed Dependency",
	425: "Too Early",
	426: "Upgrade Required",
	428: "Precondition Required",
	429: "Too Many Requests",
	431: "Request Header Fields Too Large",
	451: "Unavailable For Legal Reasons",
	500: "Internal Server Error",
	501: "Not Implemented",
	502: "Bad Gateway",
	503: "Service Unavailable",
	504: "Gateway Timeout",
	505: "HTTP Version Not Supported",
	506: "Variant Also Negotiates",
	507: "Insufficient Storage",
	508: "Loop Detected",
	510: "Not Extended",
	511: "Network Authentication Required",
}
