package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"wsgimatrix/matrix/engine"
)

// Memory is what transfers left behind in a server.
type Memory struct {
	Name          string
	Before, After int // KiB resident, all processes of the cell together
	Peak          int
	Took          time.Duration
}

const mebibyte = 1 << 20

// Transfers is how much goes up and down.
type Transfers struct {
	App      string
	Upload   string // path that reads a body
	Download string // path that answers with a large one
	Count    int
	Size     int64 // of an upload, in bytes
}

// Measure uploads and downloads, one after the other, and looks at the memory before, between
// and after.
func Measure(ctx context.Context, start Start, e Entry, t Transfers) (m Memory, err error) {
	cell, err := start(ctx, e.Server, t.App, e.Command, "")
	if err != nil {
		return m, err
	}
	defer func() { err = errors.Join(err, cell.Remove(context.WithoutCancel(ctx))) }()
	client := &http.Client{Timeout: 2 * time.Minute}
	defer client.CloseIdleConnections()
	m = Memory{Name: e.Name}
	if m.Before, err = resident(ctx, cell); err != nil {
		return m, err
	}
	began := time.Now()
	for i := range t.Count {
		if err := t.once(ctx, client, cell.Addr()); err != nil {
			return m, fmt.Errorf("transfer %d: %w", i+1, err)
		}
		if i%10 == 9 || i == t.Count-1 {
			if m.After, err = resident(ctx, cell); err != nil {
				return m, err
			}
			m.Peak = max(m.Peak, m.After)
		}
	}
	m.Took = time.Since(began)
	return m, nil
}

func (t Transfers) once(ctx context.Context, client *http.Client, addr string) error {
	body := io.LimitReader(zeros{}, t.Size)
	up, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+addr+t.Upload, body)
	if err != nil {
		return err
	}
	up.ContentLength = t.Size
	if _, err := fetch(client, up); err != nil {
		return err
	}
	down, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+t.Download, nil)
	if err != nil {
		return err
	}
	n, err := fetch(client, down)
	if err == nil && n < t.Size/2 {
		err = fmt.Errorf("%s gave %d bytes only", t.Download, n)
	}
	return err
}

func fetch(client *http.Client, req *http.Request) (int64, error) {
	resp, err := client.Do(req)
	if err != nil {
		return 0, err
	}
	n, err := io.Copy(io.Discard, resp.Body)
	if resp.StatusCode != http.StatusOK {
		err = errors.Join(err, fmt.Errorf("%s %s: %s", req.Method, req.URL.Path, resp.Status))
	}
	return n, errors.Join(err, resp.Body.Close())
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

var vmRSS = regexp.MustCompile(`VmRSS:\s+(\d+) kB`)

// resident is the memory of all processes in a cell.
func resident(ctx context.Context, cell engine.Instance) (int, error) {
	out, err := cell.Exec(ctx, []string{"sh", "-c", "grep -h VmRSS /proc/[0-9]*/status"})
	if err != nil && !strings.Contains(string(out), "VmRSS") { // one of them may be grep's own, gone already
		return 0, err
	}
	total := 0
	for _, found := range vmRSS.FindAllSubmatch(out, -1) {
		n, err := strconv.Atoi(string(found[1]))
		if err != nil {
			return 0, err
		}
		total += n
	}
	return total, nil
}

// PrintMemory writes the measurements as a table.
func PrintMemory(w io.Writer, t Transfers, rows []Memory) error {
	_, err := fmt.Fprintf(w, "%d uploads and %d downloads of %d MiB each\n\n| server | resident before, MiB | after | most | grown | seconds |\n|---|---|---|---|---|---|\n", t.Count, t.Count, t.Size/mebibyte)
	for _, m := range rows {
		_, bad := fmt.Fprintf(w, "| %s | %.1f | %.1f | %.1f | %.1f | %.0f |\n",
			m.Name, mib(m.Before), mib(m.After), mib(m.Peak), mib(m.After-m.Before), m.Took.Seconds())
		err = errors.Join(err, bad)
	}
	_, bad := fmt.Fprintln(w)
	return errors.Join(err, bad)
}

func mib(kib int) float64 { return float64(kib) / 1024 }
