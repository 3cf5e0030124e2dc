package run

import (
	"context"
	"fmt"
	"runtime/debug"
	"strings"
	"time"

	"wsgimatrix/matrix/engine"
	"wsgimatrix/matrix/golden"
	"wsgimatrix/matrix/plan"
	"wsgimatrix/matrix/results"
)

// job is one cell under way.
type job struct {
	*runner
	cell     plan.Cell
	out      *results.Cell
	started  time.Time
	instance engine.Instance
	windows  []window // of the cases in this container, with the recorder
	lost     string   // why no further case can be run: the server died, or the time is over
}

// cell takes a cell through its life. Each cell has its own element of the results, so no
// lock is needed.
func (r *runner) cell(ctx context.Context, i int) {
	j := &job{runner: r, cell: r.plan.Cells[i], out: &r.out.Cells[i], started: time.Now()}
	r.tell(func(p Progress) { p.Started(j.out.Server, j.out.App) })
	j.live(ctx)
	j.out.Seconds = time.Since(j.started).Seconds()
	r.tell(func(p Progress) { p.Done(j.out) })
	j.failFast(j.out.Outcome)
}

// live is a cell's life: a container for each set-up that its cases ask for, one after the
// other. A panic in it is a fault of the runner, and of no other cell.
func (j *job) live(ctx context.Context) {
	parts := j.cell.Parts()
	for i := range parts {
		j.part(ctx, &parts[i])
	}
	j.out.Outcome.Raise(worst(j.out.Cases))
	if j.out.Outcome == results.Skip && j.out.Reason == "" {
		j.out.Reason = fmt.Sprintf("stopped: %v", context.Cause(ctx))
	}
}

// part is the life of one container of a cell.
func (j *job) part(ctx context.Context, p *plan.Part) {
	defer func() {
		if v := recover(); v != nil {
			j.fault(p, fmt.Errorf("the runner panicked, please report it: %v", v))
			j.out.Log = debug.Stack()
		}
	}()
	if p.Cannot != "" {
		j.cannot(p)
		return
	}
	if err := j.start(ctx, p.Setup); err != nil {
		j.fail(ctx, p, err)
		return
	}
	defer j.faults(p) // the last thing, when the cell is gone
	defer j.remove(ctx)
	j.lost = ""
	if err := j.converse(ctx, p); err != nil {
		j.fail(ctx, p, err)
	}
	if j.out.Outcome > results.Pass || worst(j.of(p)) > results.Pass {
		j.log(p)
	}
}

// cannot notes that a server cannot be set up, or told, as cases ask for: an answer, and a known one.
func (j *job) cannot(p *plan.Part) {
	for _, i := range p.Cases {
		result := &j.out.Cases[i]
		result.Outcome, result.Reason = results.Known, p.Cannot
		j.tell(func(to Progress) { to.Case(j.out.Server, j.out.App, result) })
	}
}

// of are the results of a part's cases.
func (j *job) of(p *plan.Part) (cases []results.Case) {
	for _, i := range p.Cases {
		cases = append(cases, j.out.Cases[i])
	}
	return cases
}

func (j *job) start(ctx context.Context, setup *plan.Setup) error {
	spec, err := j.spec(setup)
	if err != nil {
		return err
	}
	j.instance, err = j.engine.Start(ctx, spec)
	return err
}

// converse waits until the cell listens, and holds its conversations. The versions are read
// meanwhile: they are nobody's business but the report's.
func (j *job) converse(ctx context.Context, p *plan.Part) error {
	err := await(ctx, j.instance, j.opts.Limits)
	if j.out.Start == 0 {
		j.out.Start = time.Since(j.started).Seconds()
	}
	if err != nil {
		return err
	}
	read := make(chan struct{})
	go func() {
		defer close(read)
		j.readVersions(ctx)
	}()
	if p.Told {
		<-read // the server may not be there to ask when it has been told to stop
	}
	defer func() { <-read }() // bounded by Limits.Engine
	j.cases(ctx, p)
	j.recorded(ctx, p)
	if p.Setup == nil && !p.Told && j.cell.App.Contract != nil && len(j.cell.Cases) == len(j.cell.App.Cases) && j.lost == "" {
		bounded, cancel := context.WithTimeout(ctx, j.opts.Limits.Measure)
		defer cancel()
		if found := j.measure(bounded); bounded.Err() == nil {
			j.accepts.settle(j.out.Server, found)
		}
	}
	return nil
}

// worst is the outcome of cases together. Those of which a part was not run are not
// passed: they are not run, unless one of them is red.
func worst(cases []results.Case) results.Outcome {
	var o results.Outcome
	whole := true
	for i := range cases {
		o.Raise(cases[i].Outcome)
		whole = whole && cases[i].Outcome != results.Skip
	}
	if !whole && o.Expected() {
		return results.Skip
	}
	return o
}

// cases runs every case of a part, in order.
func (j *job) cases(ctx context.Context, p *plan.Part) {
	bounded, cancel := context.WithTimeout(ctx, j.opts.Limits.Cell)
	defer cancel()
	for _, i := range p.Cases {
		if ctx.Err() != nil {
			return // the rest stays skipped
		}
		result := &j.out.Cases[i]
		j.one(ctx, bounded, j.cell.Cases[i], result)
		j.tell(func(p Progress) { p.Case(j.out.Server, j.out.App, result) })
		j.failFast(result.Outcome)
	}
}

// one runs a case and judges it. ctx is the run's, bounded the cell's.
func (j *job) one(ctx, bounded context.Context, c *golden.Case, result *results.Case) {
	if j.lost != "" {
		result.Outcome, result.Reason = results.Error, j.lost
		return
	}
	file, repro := result.File, result.Repro
	limits := j.opts.Limits
	if j.cell.App.Contract == nil {
		limits.Evidence = 0
	}
	played := PlayWith(bounded, On(j.cell.Server, j.instance), c, limits)
	j.began(result, played)
	played.File, played.Repro = file, repro
	switch {
	case played.Outcome <= results.Pass:
	case ctx.Err() != nil:
		result.Reason = fmt.Sprintf("stopped: %v", context.Cause(ctx))
		return // as if it had not been run
	case bounded.Err() != nil:
		j.lost = fmt.Sprintf("the cell took longer than %v", j.opts.Limits.Cell)
		played.Outcome, played.Reason = results.Error, j.lost
	case !c.Ends(): // a server that was told to end may have
		j.autopsy(&played)
	}
	*result = played
	if j.lost == "" || len(c.Tells()) > 0 { // no entry explains that a server dies of a request
		j.known(result)
	}
}

// autopsy looks whether a case failed because the server died. Then it is the case that
// failed, and of those after it nothing can be said.
func (j *job) autopsy(result *results.Case) {
	ctx, cancel := context.WithTimeout(j.grace, j.opts.Limits.Engine)
	defer cancel()
	state, err := ended(ctx, j.instance, j.opts.Limits)
	if err != nil {
		result.Outcome.Raise(results.Error)
		result.Reason = fmt.Sprintf("%s; and whether the server lives cannot be told: %v", result.Reason, err)
		return
	}
	if state.Running {
		return
	}
	j.lost = fmt.Sprintf("the server died in case %s: %s", result.Name, epitaph(state))
	result.Outcome = results.Fail
	result.Reason = fmt.Sprintf("the server died: %s (%s)", epitaph(state), result.Reason)
}

// epitaph says how a server ended.
func epitaph(s engine.State) string {
	if s.OOM {
		return fmt.Sprintf("exit code %d, for want of memory", s.ExitCode)
	}
	return fmt.Sprintf("exit code %d", s.ExitCode)
}

// known weighs a result against the server's known divergences. They hold strictly: each
// case that an entry names has to differ, unless the entry says that it does so sometimes.
func (j *job) known(result *results.Case) {
	k := j.cell.Known(result.Name)
	if k == nil && result.Outcome == results.Fail {
		j.explained(result)
	}
	if k == nil || k.Sometimes && result.Outcome == results.Pass {
		return
	}
	switch result.Outcome {
	case results.Fail:
		result.Outcome, result.Known = results.Known, &k.Divergence
	case results.Pass:
		result.Outcome, result.Known = results.Fail, &k.Divergence
		result.Reason = passesAgain(k, j.relative(k.File))
	}
}

// explained makes a failure a known one when entries speak of each of its differences.
func (j *job) explained(result *results.Case) {
	var differences []string
	for i := range result.Exchanges {
		differences = append(differences, result.Exchanges[i].Differences...)
	}
	entries := j.cell.Explain(result.Name, differences)
	if len(entries) == 0 {
		return
	}
	result.Outcome = results.Known
	for _, k := range entries { // the one that has to do with what the case is about, if there is one
		if result.Known = &k.Divergence; !result.Aside() {
			break
		}
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, k := range entries {
		j.used[k] = true
	}
}

func passesAgain(k *plan.Known, file string) string {
	mend := "delete this entry"
	if k.Wide() {
		mend += fmt.Sprintf(", or narrow its pattern %q", k.Case)
	}
	return fmt.Sprintf("passes again: %s at %s:%d", mend, file, k.Line)
}

// fail records why a cell could not be run. When the run was stopped that is why, whatever
// the error says.
func (j *job) fail(ctx context.Context, p *plan.Part, err error) {
	if ctx.Err() != nil {
		j.out.Reason = fmt.Sprintf("stopped: %v", context.Cause(ctx))
		return
	}
	if p.Setup != nil {
		err = fmt.Errorf("set-up %s: %w", p.Setup.Name, err)
	}
	j.fault(p, err)
}

// fault makes the cell an error, and with it every case of the part that has no outcome yet.
func (j *job) fault(p *plan.Part, err error) {
	j.out.Outcome.Raise(results.Error)
	j.out.Reason = err.Error()
	for _, i := range p.Cases {
		if c := &j.out.Cases[i]; c.Outcome == results.Skip {
			c.Outcome, c.Reason = results.Error, err.Error()
		}
	}
}

// failFast stops the run at the first thing that is not as expected, if it is to.
func (j *job) failFast(o results.Outcome) {
	if j.opts.FailFast && !o.Expected() {
		j.stop(errFirst)
	}
}

// remove removes the cell, whatever became of the run. What cannot be removed is an error:
// it takes memory from the cells to come.
func (j *job) remove(ctx context.Context) {
	if err := j.removal(); err != nil && ctx.Err() == nil {
		j.out.Outcome.Raise(results.Error)
		j.out.Reason = strings.TrimPrefix(j.out.Reason+"; "+err.Error(), "; ")
	}
}

// faults makes what a sanitizer has seen a failure of the cell, for which no entry is an excuse.
func (j *job) faults(p *plan.Part) {
	watched, ok := j.instance.(engine.Watched)
	if !ok {
		return
	}
	if err := watched.Faults(); err != nil {
		first, _, _ := strings.Cut(err.Error(), "\n")
		j.out.Outcome.Raise(results.Fail)
		j.out.Reason = strings.TrimPrefix(j.out.Reason+"; the server is at fault: "+first, "; ")
		j.log(p)
	}
}

func (j *job) removal() error {
	ctx, cancel := context.WithTimeout(j.grace, j.opts.Limits.Remove)
	defer cancel()
	if err := j.instance.Remove(ctx); err != nil {
		return fmt.Errorf("it cannot be removed: %w", err)
	}
	return nil
}

// log keeps what the container printed.
func (j *job) log(p *plan.Part) {
	ctx, cancel := context.WithTimeout(j.grace, j.opts.Limits.Engine)
	defer cancel()
	log, err := j.instance.Log(ctx)
	if p.Setup != nil {
		j.out.Log = append(j.out.Log, fmt.Sprintf("\n[set-up %s]\n", p.Setup.Name)...)
	}
	j.out.Log = append(j.out.Log, clip(log, j.opts.Limits.Log)...)
	if err != nil {
		j.out.Log = append(j.out.Log, fmt.Sprintf("\n[the log cannot be read: %v]\n", err)...)
	}
}

// clip keeps a log's beginning, where servers say what they are, and its end.
func clip(log []byte, most int) []byte {
	if len(log) <= most {
		return log
	}
	head, tail := most/4, most-most/4
	cut := fmt.Sprintf("\n[… %d bytes left out …]\n", len(log)-most)
	out := append([]byte(nil), log[:head]...)
	out = append(out, cut...)
	return append(out, log[len(log)-tail:]...)
}
