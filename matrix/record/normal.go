package record

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// compared are the keys of the environ that are the same wherever the same request arrives, besides HTTP_*.
// Names, ports and addresses, threads and processes, extensions (wsgi.input_terminated) and keys of a
// server's own are not.
var compared = []string{
	"CONTENT_LENGTH", "CONTENT_TYPE", "PATH_INFO", "QUERY_STRING", "REQUEST_METHOD", "SCRIPT_NAME", "SERVER_PROTOCOL",
	"wsgi.url_scheme", "wsgi.version",
}

// mayBeEmpty are those for which PEP 3333 makes no difference between an empty value and none.
var mayBeEmpty = []string{"CONTENT_LENGTH", "CONTENT_TYPE", "PATH_INFO", "QUERY_STRING", "SCRIPT_NAME"}

// varying are headers of a response whose value differs from run to run, or follows from what the
// environ holds besides.
var varying = []string{"content-length", "date", "etag", "expires", "last-modified", "set-cookie"}

// token is a session's or a form's: another one each time.
var token = regexp.MustCompile(`=[^;,\s]{12,}`)

// normal are the lines by which servers are compared.
func (c *call) normal() []string {
	return append(c.environ(), c.conversation()...)
}

func (c *call) environ() []string {
	environ := c.events[0].Environ
	var lines []string
	for _, key := range slices.Sorted(maps.Keys(environ)) {
		v := environ[key]
		if !strings.HasPrefix(key, "HTTP_") && !slices.Contains(compared, key) {
			continue
		}
		if v.Type == "str" && v.String() == "" && slices.Contains(mayBeEmpty, key) {
			continue
		}
		text := v.String()
		if key == "HTTP_COOKIE" {
			text = token.ReplaceAllString(text, "=…")
		}
		if v.Type == "str" {
			text = fmt.Sprintf("%q", text)
		}
		lines = append(lines, fmt.Sprintf("environ %s = %s", key, text))
	}
	return lines
}

// conversation are the events. Reads and chunks are named where they first happen, and summed up
// at the end: in how many pieces a body is read is the server's choice, and how many chunks come
// of it, or before a client has gone, follows from that or from the time.
func (c *call) conversation() []string {
	var lines []string
	var read, yielded, emptied bool
	for i := range c.events[1:] {
		switch e := &c.events[1+i]; e.E {
		case "read", "readline", "readlines", "iterate":
			if !read {
				lines = append(lines, "wsgi.input is read")
			}
			read, emptied = true, e.Size == 0
		case "next", "write":
			if !yielded {
				lines = append(lines, "the first chunk: "+e.E)
			}
			yielded = true
		case "start_response":
			lines = append(lines, e.head()...)
		case "return":
			lines = append(lines, "the application returned "+e.returned())
		case "raised":
			lines = append(lines, fmt.Sprintf("%s raised %s", e.Where, e.Exception))
		case "end":
			lines = append(lines, "iterated to the end")
		default:
			lines = append(lines, e.E)
		}
	}
	last := c.events[len(c.events)-1]
	if read {
		lines = append(lines, fmt.Sprintf("read in all: %d bytes, sha256 %s, the last read empty: %t", last.Taken, last.Digest, emptied))
	}
	return lines
}

// head are a start_response's status and headers.
func (e *event) head() []string {
	lines := []string{"start_response " + e.started()}
	for _, h := range e.Headers {
		text := h[1]
		if slices.Contains(varying, strings.ToLower(h[0])) {
			text = "…"
		}
		lines = append(lines, fmt.Sprintf("  %s: %s", h[0], text))
	}
	return lines
}
