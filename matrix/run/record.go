package run

import (
	"context"
	"fmt"
	"time"

	"wsgimatrix/matrix/engine"
	"wsgimatrix/matrix/plan"
	"wsgimatrix/matrix/record"
	"wsgimatrix/matrix/results"
)

// recordPause is between two looks at a record in which a call has not ended.
const recordPause = 50 * time.Millisecond

// pythonPath is the images' own (Dockerfile).
const pythonPath = "/app:/app/.packages"

// spec is the part as the engine has to know it, with the recorder around its app if there is to be one.
func (j *job) spec(setup *plan.Setup) (engine.Spec, error) {
	if !j.opts.Record {
		return Spec(j.cell, setup, j.opts.Images)
	}
	cell, app := j.cell, *j.cell.App
	cell.App, app.Callable = &app, record.Callable
	spec, err := Spec(cell, setup, j.opts.Images)
	if err != nil {
		return spec, err
	}
	path := spec.Env["PYTHONPATH"]
	if path == "" {
		path = pythonPath
	}
	spec.Env["PYTHONPATH"] = path + ":" + record.Folder
	spec.Env[record.Variable] = j.cell.App.Callable
	return spec, nil
}

// began notes when the last try of a case began that has just ended: on the clock of the machine, which is its
// containers' too.
func (j *job) began(result *results.Case, played results.Case) {
	if !j.opts.Record {
		return
	}
	now := time.Now()
	w := window{result: result, from: now.Add(-time.Duration(played.Seconds * float64(time.Second)))}
	if played.Outcome > results.Pass {
		w.until = now // the autopsy asks for a page of its own
	}
	j.windows = append(j.windows, w)
}

// window is the time of a case: until the next one's, where it names no end.
type window struct {
	result      *results.Case
	from, until time.Time
}

// recorded joins the record to the cases that were run in this container.
func (j *job) recorded(ctx context.Context, p *plan.Part) {
	windows := j.windows
	j.windows = nil
	if len(windows) == 0 || p.Told || ctx.Err() != nil || j.lost != "" {
		return // what a server that died, or was told to stop, has recorded died with its /tmp
	}
	end := time.Now()
	found, err := j.readRecord(windows[0].from)
	if err != nil {
		j.out.Outcome.Raise(results.Error)
		j.out.Reason = fmt.Sprintf("the record of the recorder cannot be read: %v", err)
		return
	}
	for i, w := range windows {
		switch {
		case !w.until.IsZero():
		case i+1 < len(windows):
			w.until = windows[i+1].from
		default:
			w.until = end
		}
		w.result.Recorded = found.Between(w.from, w.until)
	}
}

// readRecord reads the record when every call has ended, or when the time for that is over: a
// server may never close what it was given.
func (j *job) readRecord(from time.Time) (*record.Record, error) {
	ctx, cancel := context.WithTimeout(j.grace, j.opts.Limits.Engine)
	defer cancel()
	late := time.Now().Add(time.Second)
	for {
		data, err := j.instance.Exec(ctx, []string{"sh", "-c", "test ! -e " + record.File + " || cat " + record.File})
		if err != nil {
			return nil, err
		}
		found, err := record.Parse(data)
		if err != nil || !found.Open(from) || time.Now().After(late) {
			return found, err
		}
		select {
		case <-time.After(recordPause):
		case <-ctx.Done():
			return found, nil
		}
	}
}
