package golden

import (
	"bufio"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"wsgimatrix/matrix/wire"
)

// Harness is the Python program that calls an app without any server. It is run as
// `python3 -c HARNESS module:callable [FOLDER]`, where the folder to import from is /app
// unless it is given.
//
//go:embed harness.py
var Harness string

// App is an app under the harness, in whatever process runs it.
type App struct {
	process io.ReadWriteCloser
	lines   *bufio.Reader
	Python  string // the version that runs it
}

// LoadError says that the app could not be loaded.
type LoadError struct{ Traceback string }

func (e *LoadError) Error() string { return "the app cannot be loaded:\n" + e.Traceback }

// NewApp talks to a harness over its standard input and output, and waits until it has
// loaded the app. When ctx ends, the process is closed: reading from it must then fail.
func NewApp(ctx context.Context, process io.ReadWriteCloser) (*App, error) {
	a := &App{process: process, lines: bufio.NewReaderSize(process, 64<<10)}
	var hello struct{ Ready, Fatal string }
	if err := a.ask(ctx, nil, &hello); err != nil {
		return nil, err
	}
	if hello.Fatal != "" {
		return nil, &LoadError{hello.Fatal}
	}
	a.Python = hello.Ready
	return a, nil
}

// Close ends the process.
func (a *App) Close() error { return a.process.Close() }

// question is one request, as the harness reads it.
type question struct {
	Method   string      `json:"method"`
	Target   string      `json:"target"`
	Minor    int         `json:"minor"`
	Headers  [][2]string `json:"headers"`
	Body     []byte      `json:"body"`
	Partial  bool        `json:"partial"`
	Validate bool        `json:"validate"`
}

// reply is what the harness says.
type reply struct {
	Status     string
	Headers    [][2][]byte
	Chunks     [][]byte
	Raised     string // "", before or after the first chunk
	Traceback  string
	Complaints []string
}

// Call asks the app one request. Partial: it is closed after its first chunk that is not empty.
func (a *App) Call(ctx context.Context, req Request, partial, validate bool) (*Answer, error) {
	q := question{
		Method: req.Method, Target: latin1(req.Target), Minor: req.Minor,
		Headers: [][2]string{}, Body: append([]byte{}, req.Body...), Partial: partial, Validate: validate,
	}
	for _, f := range req.Fields {
		q.Headers = append(q.Headers, [2]string{f[0], latin1(f[1])})
	}
	var r reply
	if err := a.ask(ctx, q, &r); err != nil {
		return nil, err
	}
	if len(r.Complaints) > 0 {
		return nil, fmt.Errorf("wsgiref.validate complains about the app: %s%s", strings.Join(r.Complaints, "; "), indent(r.Traceback))
	}
	return newAnswer(&r, req, partial)
}

// latin1 makes each byte a character, as WSGI has it.
func latin1(s string) string { return string(widen([]byte(s))) }

// ask writes one line, if there is one, and reads one.
func (a *App) ask(ctx context.Context, line, into any) error {
	stop := context.AfterFunc(ctx, func() { _ = a.process.Close() })
	defer stop()
	err := a.exchange(line, into)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

func (a *App) exchange(line, into any) error {
	if line != nil {
		data, err := json.Marshal(line)
		if err != nil {
			return err
		}
		if _, err := a.process.Write(append(data, '\n')); err != nil {
			return fmt.Errorf("the harness takes no request: %w", err)
		}
	}
	data, err := a.lines.ReadBytes('\n')
	if errors.Is(err, io.EOF) {
		return errors.New("the app's process ended before it answered")
	}
	if err != nil {
		return fmt.Errorf("the harness does not answer: %w", err)
	}
	return json.Unmarshal(data, into)
}

func indent(s string) string {
	if s == "" {
		return ""
	}
	return "\n\t" + strings.ReplaceAll(strings.TrimSpace(s), "\n", "\n\t")
}

// Answer is what an app said, as a response that no server touched.
type Answer struct {
	Response  *wire.Response
	Extent    Extent // Truncated: the app failed after its first chunk, or gave less than it had promised
	Failed    bool   // it failed before: the response is the server's own
	Traceback string
}

func newAnswer(r *reply, req Request, partial bool) (*Answer, error) {
	a := &Answer{Response: &wire.Response{Framing: wire.ByClose, Complete: true}, Traceback: r.Traceback}
	if r.Raised == "before" {
		a.Failed = true
		a.Response.Code, a.Response.Reason = 500, "Internal Server Error"
		return a, nil
	}
	if err := a.head(r); err != nil {
		return nil, err
	}
	for _, chunk := range r.Chunks {
		a.Response.Body = append(a.Response.Body, chunk...)
	}
	a.limit(req, partial, r.Raised != "")
	return a, nil
}

func (a *Answer) head(r *reply) error {
	code, reason, _ := strings.Cut(r.Status, " ")
	n, err := strconv.Atoi(code)
	if err != nil || len(code) != 3 {
		return fmt.Errorf("the app's status is no status line: %q", r.Status)
	}
	a.Response.Code, a.Response.Reason = n, string(narrow(reason))
	for _, f := range r.Headers {
		a.Response.Fields = append(a.Response.Fields, wire.Field{Name: string(f[0]), Value: strings.Trim(string(f[1]), " \t")})
	}
	return nil
}

// narrow is the inverse of widen; what is no latin-1 is left as it is.
func narrow(s string) []byte {
	data := make([]byte, 0, len(s))
	for _, c := range s {
		if c > 0xff {
			return []byte(s)
		}
		data = append(data, byte(c))
	}
	return data
}

// limit applies what every server has to: responses without a body (C86, C87), and a
// Content-Length that the body overruns (C57) or falls short of (C58).
func (a *Answer) limit(req Request, partial, raised bool) {
	r := a.Response
	if req.Method == "HEAD" || r.Code == 204 || r.Code == 304 {
		r.Body = nil
		return
	}
	if lengths := r.Values("Content-Length"); len(lengths) > 0 {
		n, err := strconv.Atoi(lengths[0])
		if err == nil && n >= 0 && len(r.Body) > n {
			r.Body = r.Body[:n]
		}
		raised = raised || err == nil && len(r.Body) < n
	}
	if raised && !partial {
		a.Extent = Truncated
	}
}
