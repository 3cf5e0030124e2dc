package run

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"wsgimatrix/matrix/results"
	"wsgimatrix/matrix/wire"
)

// accepts is what each server was found to take.
type accepts struct {
	mu    sync.Mutex
	found map[string]*results.Accepts
}

func (a *accepts) settle(server string, found *results.Accepts) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.found == nil {
		a.found = map[string]*results.Accepts{}
	}
	a.found[server] = found
}

func (a *accepts) of(server string) *results.Accepts {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.found[server]
}

// The most that is tried: a server that takes it has no limit that a client would meet.
const (
	mostLine   = 1 << 20 // octets of a request line
	mostField  = 1 << 20 // octets of a field line
	mostFields = 10_000
	mostBody   = 64 << 20 // octets
)

// sizeLimits bound one request of a measurement: a server that refuses may also say nothing.
var sizeLimits = wire.Limits{Connect: 5 * time.Second, Wait: 2 * time.Second, Total: 20 * time.Second, Record: 64 << 10}

// measured is the page that is asked for: it reads the body, and answers 200.
const measured = "/sized"

// measure finds by bisection how large a request the server takes.
func (j *job) measure(ctx context.Context) *results.Accepts {
	host := "Host: matrix.test\r\nConnection: close\r\n"
	get := "GET " + measured + " HTTP/1.1\r\n" + host
	const field = "X-Pad: "
	return &results.Accepts{
		RequestLine: j.largest(ctx, mostLine, func(n int) []byte {
			bare := "GET " + measured + "? HTTP/1.1"
			return []byte("GET " + measured + "?" + strings.Repeat("a", max(0, n-len(bare))) + " HTTP/1.1\r\n" + host + "\r\n")
		}),
		Field: j.largest(ctx, mostField, func(n int) []byte {
			return []byte(get + field + strings.Repeat("a", max(0, n-len(field))) + "\r\n\r\n")
		}),
		Fields: j.largest(ctx, mostFields, func(n int) []byte {
			return []byte(get + strings.Repeat("X-Pad: a\r\n", max(0, n-2)) + "\r\n") // Host and Connection are two
		}),
		Body: j.largest(ctx, mostBody, func(n int) []byte {
			head := fmt.Sprintf("POST %s HTTP/1.1\r\n%sContent-Length: %d\r\n\r\n", measured, host, n)
			return append([]byte(head), make([]byte, n)...)
		}),
	}
}

// largest finds the largest n whose request is answered with 200, up to most. One that differs
// from try to try is found somewhere in between.
func (j *job) largest(ctx context.Context, most int, request func(n int) []byte) results.Bound {
	if j.takes(ctx, request(most)) {
		return results.Bound{Most: most, AtLeast: true}
	}
	low, high := 0, most // low is taken, or 0; high is not
	for high-low > 1 && ctx.Err() == nil {
		middle := low + (high-low)/2
		if j.takes(ctx, request(middle)) {
			low = middle
		} else {
			high = middle
		}
	}
	return results.Bound{Most: low}
}

// takes tells whether a request is answered with 200, on a connection of its own.
func (j *job) takes(ctx context.Context, request []byte) bool {
	c, err := wire.Dial(ctx, j.instance.Addr(), sizeLimits)
	if err != nil {
		return false
	}
	defer func() { _ = c.Close() }() // the answer is known
	if err := c.Send(ctx, request); err != nil {
		return false
	}
	r := c.Receive(ctx, wire.Want{Method: "GET", Minor: 1})
	return r.Code == 200 && r.Complete && string(r.Body) == "0 bytes are missing\n"
}
