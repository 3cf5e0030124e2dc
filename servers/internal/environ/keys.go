package environ

import "strings"

// The keys that are written by name in this package; the other ones are found by lookup.
const (
	idRequestMethod = iota
	idScriptName
	idPathInfo
	idQueryString
	idContentType
	idContentLength
	idServerProtocol
	idRemoteAddr
	idRemotePort
	idServerName
	idServerPort
	idRequestURI
	idHost
	idCookie
)

var keys = [...]string{
	idRequestMethod:  "REQUEST_METHOD",
	idScriptName:     "SCRIPT_NAME",
	idPathInfo:       "PATH_INFO",
	idQueryString:    "QUERY_STRING",
	idContentType:    "CONTENT_TYPE",
	idContentLength:  "CONTENT_LENGTH",
	idServerProtocol: "SERVER_PROTOCOL",
	idRemoteAddr:     "REMOTE_ADDR",
	idRemotePort:     "REMOTE_PORT",
	idServerName:     "SERVER_NAME",
	idServerPort:     "SERVER_PORT",
	idRequestURI:     "REQUEST_URI",
	idHost:           "HTTP_HOST",
	idCookie:         "HTTP_COOKIE",
	"HTTP_ACCEPT",
	"HTTP_ACCEPT_CHARSET",
	"HTTP_ACCEPT_ENCODING",
	"HTTP_ACCEPT_LANGUAGE",
	"HTTP_AUTHORIZATION",
	"HTTP_CACHE_CONTROL",
	"HTTP_CONNECTION",
	"HTTP_CONTENT_ENCODING",
	"HTTP_DATE",
	"HTTP_DNT",
	"HTTP_EXPECT",
	"HTTP_FORWARDED",
	"HTTP_FROM",
	"HTTP_IF_MATCH",
	"HTTP_IF_MODIFIED_SINCE",
	"HTTP_IF_NONE_MATCH",
	"HTTP_IF_RANGE",
	"HTTP_IF_UNMODIFIED_SINCE",
	"HTTP_KEEP_ALIVE",
	"HTTP_ORIGIN",
	"HTTP_PRAGMA",
	"HTTP_PRIORITY",
	"HTTP_RANGE",
	"HTTP_REFERER",
	"HTTP_SEC_CH_UA",
	"HTTP_SEC_CH_UA_MOBILE",
	"HTTP_SEC_CH_UA_PLATFORM",
	"HTTP_SEC_FETCH_DEST",
	"HTTP_SEC_FETCH_MODE",
	"HTTP_SEC_FETCH_SITE",
	"HTTP_SEC_FETCH_USER",
	"HTTP_TE",
	"HTTP_TRACEPARENT",
	"HTTP_TRACESTATE",
	"HTTP_TRAILER",
	"HTTP_UPGRADE",
	"HTTP_UPGRADE_INSECURE_REQUESTS",
	"HTTP_USER_AGENT",
	"HTTP_VIA",
	"HTTP_X_CSRFTOKEN",
	"HTTP_X_FORWARDED_FOR",
	"HTTP_X_FORWARDED_HOST",
	"HTTP_X_FORWARDED_PORT",
	"HTTP_X_FORWARDED_PROTO",
	"HTTP_X_REAL_IP",
	"HTTP_X_REQUEST_ID",
	"HTTP_X_REQUESTED_WITH",
}

// Keys are the keys that records name by index. C keeps a string object for each.
var Keys = keys[:]

// known is a header name with an id of its own.
type known struct {
	lower string
	id    uint32
}

// byLength finds the few candidates for a header name by its length.
var byLength = indexNames()

const longestName = 64

// indexNames derives the header names from the keys. Dropped are: Host and Content-Length,
// which the request has in better shape; Transfer-Encoding, because the body arrives
// decoded (C81); Proxy, because CGI programs take HTTP_PROXY for a setting (C16).
func indexNames() (t [longestName][]known) {
	add := func(name string, id uint32) {
		t[len(name)] = append(t[len(name)], known{name, id})
	}
	for id, key := range keys {
		if name, ok := strings.CutPrefix(key, "HTTP_"); ok && id != idHost {
			add(strings.ToLower(strings.ReplaceAll(name, "_", "-")), uint32(id))
		}
	}
	add("content-type", idContentType)
	for _, name := range []string{"host", "content-length", "transfer-encoding", "proxy"} {
		add(name, dropped)
	}
	return t
}
