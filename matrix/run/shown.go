package run

import (
	"fmt"
	"strings"

	"wsgimatrix/matrix/golden"
	"wsgimatrix/matrix/results"
)

// result is the conversation as data: the exchanges that differ in full, and all of them where evidence is wanted.
func (p *player) result() results.Case {
	c := p.c
	result := results.Case{
		Name: c.Name, Title: c.Title, Level: c.Level, Clauses: c.Clauses, Link: c.Link, File: c.File, Outcome: results.Pass,
	}
	for _, ex := range p.heard {
		if ex.again && len(ex.differences) == 0 {
			continue
		}
		if p.limits.Evidence > 0 {
			result.Evidence = append(result.Evidence, ex.shown(p.limits.Evidence))
		}
		if len(ex.differences) > 0 {
			result.Outcome.Raise(results.Fail)
			result.Exchanges = append(result.Exchanges, ex.shown(p.limits.Keep))
		}
	}
	if len(result.Exchanges) > 0 {
		first := result.Exchanges[0]
		result.Reason = fmt.Sprintf("line %d: %s", first.Line, first.Differences[0])
	}
	return result
}

// shown is an exchange as the results keep it.
func (ex *exchange) shown(keep int) results.Exchange {
	out := results.Exchange{
		Line: ex.step.Line, Connection: ex.step.Conn, Sent: ex.sent, Golden: ex.golden(),
		Differences: ex.differences, Diff: ex.diff,
	}
	if r := ex.response; r != nil {
		out.Received, out.Cut = r.Raw, r.Cut
		if len(r.Raw) > keep {
			out.Received, out.Cut = r.Raw[:keep], true
		}
		out.Shown = golden.Format(r)
		if len(out.Shown) > keep {
			out.Shown, out.Cut = strings.ToValidUTF8(out.Shown[:keep], ""), true
		}
	}
	return out
}

func (ex *exchange) golden() []string {
	if len(ex.step.Golden) == 0 {
		return []string{"-- " + ex.step.Name + " --\n" + strings.Join(ex.step.Log, "\n")}
	}
	return ex.step.Texts()
}
