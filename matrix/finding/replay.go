package finding

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"wsgimatrix/matrix/engine"
	"wsgimatrix/matrix/plan"
	"wsgimatrix/matrix/run"
	"wsgimatrix/matrix/wire"
)

// Ours is the server that shows what is expected, and how it is started.
const (
	Ours        = "threaded"
	oursCommand = "threaded --bind 0.0.0.0:8000 app:app"
)

const (
	silence = 2 * time.Second // after which nothing more is awaited, as nc -q 2 does
	startup = 30 * time.Second
	record  = 1 << 20
)

// Replayed is what came of a finding, exchange by exchange.
type Replayed struct {
	Expected, Got []string
}

// Replayer replays findings on an engine.
type Replayer struct {
	Engine engine.Engine
	Images run.Images
	Plan   *plan.Plan
}

// Replay starts the finding's application under its server, and under ours, and holds its exchanges.
func (r *Replayer) Replay(ctx context.Context, f *Finding) (out Replayed, err error) {
	if out.Got, err = r.on(ctx, f, f.Server, f.Command); err != nil {
		return out, fmt.Errorf("%s: %s: %w", f.File, f.Server, err)
	}
	if out.Expected, err = r.on(ctx, f, Ours, oursCommand); err != nil {
		return out, fmt.Errorf("%s: %s: %w", f.File, Ours, err)
	}
	return out, nil
}

// tries is how often a finding is replayed that differs: a busy machine answers late, and what
// comes after the silence is not seen.
const tries = 3

// Compare replays a finding, and says where what came is not what its file shows.
func (r *Replayer) Compare(ctx context.Context, f *Finding) (came Replayed, differs []string, err error) {
	for range tries {
		came, err = r.Replay(ctx, f)
		if err != nil {
			return came, nil, err
		}
		if differs = f.Differences(came); len(differs) == 0 || f.blank() {
			break
		}
	}
	return came, differs, nil
}

// blank tells whether something has still to be recorded.
func (f *Finding) blank() bool {
	return slices.ContainsFunc(f.Exchanges, func(x Exchange) bool { return x.Expected == "" || x.Got == "" })
}

// on holds the exchanges with one server, in a container of its own.
func (r *Replayer) on(ctx context.Context, f *Finding, server, command string) (came []string, err error) {
	spec, err := r.spec(f, server, command)
	if err != nil {
		return nil, err
	}
	cell, err := r.Engine.Start(ctx, spec)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, cell.Remove(context.WithoutCancel(ctx))) }()
	if err := listening(ctx, cell); err != nil {
		return nil, err
	}
	for _, x := range f.Exchanges {
		text, err := hold(ctx, cell.Addr(), x)
		if err != nil {
			return nil, err
		}
		came = append(came, text)
	}
	return came, nil
}

// write makes the finding's files, in the one folder that can be written to, and becomes the server.
const write = `set -e
mkdir /tmp/finding
cd /tmp/finding
python3 -c '
import os
for key, text in os.environ.items():
    if key.startswith("FINDING "):
        open(key[8:], "w").write(text)
'
`

func (r *Replayer) spec(f *Finding, server, command string) (engine.Spec, error) {
	i := slices.IndexFunc(r.Plan.Servers, func(s *plan.Server) bool { return s.Name == server })
	if i < 0 {
		return engine.Spec{}, fmt.Errorf("there is no server %s", server)
	}
	app := r.Plan.Apps[0]
	spec, err := run.Spec(plan.Cell{Server: r.Plan.Servers[i], App: app}, nil, r.Images)
	if err != nil {
		return spec, err
	}
	spec.Env = map[string]string{"PYTHONPATH": "/tmp/finding", "LC_ALL": "C.UTF-8"}
	for name, text := range maps.All(f.Files) {
		spec.Env["FINDING "+name] = text
	}
	if !strings.Contains(command, "&") {
		command = "exec " + command
	}
	spec.Command = []string{"bash", "-c", write + command}
	return spec, nil
}

// connects waits, in the container, until the server listens: it says nothing to it.
const connects = `import socket, time
while True:
    try:
        socket.create_connection(("127.0.0.1", 8000)).close()
        break
    except OSError:
        time.sleep(0.02)  # nothing tells when a server listens`

// listening waits until the server accepts connections. It is not asked for anything: the
// application may answer nothing at all.
func listening(ctx context.Context, cell engine.Instance) error {
	bounded, cancel := context.WithTimeout(ctx, startup)
	defer cancel()
	_, err := cell.Exec(bounded, []string{"python3", "-c", connects})
	if err == nil {
		return nil
	}
	log, _ := cell.Log(context.WithoutCancel(ctx)) // the error is what counts
	return fmt.Errorf("the server does not listen on port 8000: %w\n%s", err, log)
}

// hold sends what is to be sent, on a connection of its own, and takes what comes.
func hold(ctx context.Context, addr string, x Exchange) (string, error) {
	data, err := x.Bytes()
	if err != nil {
		return "", err
	}
	conn, err := wire.Dial(ctx, addr, wire.Limits{Connect: silence, Wait: silence, Total: startup, Record: record})
	if err != nil {
		return "", err
	}
	defer func() { _ = conn.Close() }() // everything has come
	if err := conn.Send(ctx, data); err != nil {
		return "", err
	}
	came, open := conn.AwaitClose(ctx)
	return Transcript(came, open == nil), ctx.Err()
}

// Differences says where what came is not what the file shows, but for the versions in Server: the
// distribution updates its packages, and the behaviour that a finding shows is mostly the same then.
func (f *Finding) Differences(r Replayed) (out []string) {
	for i, x := range f.Exchanges {
		if unversioned(r.Expected[i]) != unversioned(x.Expected) {
			out = append(out, fmt.Sprintf("%s:%d: %s does not answer as expected; it answers:\n%s", f.File, x.Line, Ours, r.Expected[i]))
		}
		if unversioned(r.Got[i]) != unversioned(x.Got) {
			out = append(out, fmt.Sprintf("%s:%d: %s does not answer as the finding shows; it answers:\n%s", f.File, x.Line, f.Server, r.Got[i]))
		}
	}
	return out
}

var (
	serverField = regexp.MustCompile(`(?mi)^server: .*$`)
	version     = regexp.MustCompile(`/\d[\w.+~-]*`)
)

func unversioned(text string) string {
	return serverField.ReplaceAllStringFunc(text, func(field string) string { return version.ReplaceAllLiteralString(field, "/") })
}

// Record writes what came into the file.
func (f *Finding) Record(r Replayed) error {
	text := string(f.text)
	for i := len(f.Exchanges) - 1; i >= 0; i-- { // from the end: the places before stay
		x := f.Exchanges[i]
		first, second := part{x.expectedAt, r.Expected[i]}, part{x.gotAt, r.Got[i]}
		if first.at.from > second.at.from {
			first, second = second, first
		}
		text = first.into(second.into(text))
	}
	return os.WriteFile(f.File, []byte(text), 0o644) //nolint:gosec // documentation, for everybody to read
}

type part struct {
	at   span
	text string
}

func (p part) into(text string) string { return text[:p.at.from] + p.text + text[p.at.to:] }
