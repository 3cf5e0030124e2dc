package report_test

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"wsgimatrix/matrix/results"
)

// The runs that the reports are tried on. They are made of what cells really say, and of what
// a hostile server could.

var started = time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)

var (
	headKnown = results.Divergence{
		Case: "*/head-*", Reason: "counts the body that a HEAD does not have, and leaves the length out", Clause: "C86, RFC 9110 §9.3.2",
		Link: "https://example.org/issues/1234", Until: "2027-06-30",
	}
	oldKnown = results.Divergence{
		Case: "bare/expect-*", Reason: "never sends 100 Continue", Clause: "C90, RFC 9110 §10.1.1", Link: "javascript:alert(1)", Until: "2026-01-31",
	}
)

var sampleServers = []results.Subject{
	{Name: "iterative", Title: "Iterative", Model: "one connection at a time", Version: "0.1.0", Python: "3.13.5", Ours: true},
	{Name: "threaded", Title: "Threaded", Model: "one process, a fixed set of threads, each with a connection", Version: "0.1.0", Python: "3.13.5", Ours: true},
	{Name: "eventloop", Title: "Event loop", Model: "one thread, an event loop over all connections", Version: "0.1.0", Python: "3.13.5", Ours: true},
	{Name: "prefork", Title: "Pre-fork", Model: "a master without Python, workers forked from a preloaded application", Version: "0.1.0", Python: "3.13.5", Ours: true},
	{Name: "gunicorn", Title: "Gunicorn (sync)", Model: "pre-fork, synchronous workers, one request per connection", Version: "23.0.0", Python: "3.13.5"},
	{Name: "gunicorn-gthread", Title: "Gunicorn (gthread)", Model: "pre-fork workers, each with an accepting loop and a pool of threads", Version: "23.0.0", Python: "3.13.5"},
	{Name: "nginx-uwsgi", Title: "nginx + uWSGI", Model: "an event loop for the clients, in front of pre-forked workers", Version: "1.26.3", Python: "3.13.5"},
	{Name: "uwsgi", Title: "uWSGI (HTTP socket)", Model: "pre-fork, one request at a time per process", Version: "2.0.28", Python: "3.13.5", Known: []results.Divergence{headKnown, oldKnown}},
	{Name: "waitress", Title: "Waitress", Model: "one process, an asyncore loop for the sockets, a pool of threads for the app", Version: "3.0.2", Python: "3.13.5"},
	{Name: "wsgiref", Title: "wsgiref.simple_server", Model: "iterative, one connection at a time, HTTP/1.0", Version: "3.13.5", Python: "3.13.5", Known: []results.Divergence{headKnown}},
}

var sampleApps = []results.Subject{
	{Name: "bare", Title: "Bare WSGI", Python: "3.13.5"},
	{Name: "django", Title: "Django", Version: "4.2.23", Python: "3.13.5"},
	{Name: "flask", Title: "Flask", Version: "3.1.1", Python: "3.13.5"},
	{Name: "pyramid", Title: "Pyramid", Version: "2.0.2", Python: "3.13.5"},
}

var sampleCases = []results.Case{
	{Name: "hello", Title: "Hello, as the tutorial says it", Level: "must"},
	{Name: "head-hello", Title: "HEAD has the headers of GET and no body", Level: "must", Clauses: []string{"C86", "RFC 9110 §9.3.2"}},
	{Name: "not-found", Title: "What nobody serves is 404", Level: "must"},
	{Name: "not-allowed", Title: "405 names what is allowed", Level: "must", Clauses: []string{"RFC 9110 §15.5.6"}},
	{Name: "options", Title: "OPTIONS", Level: "should"},
	{Name: "query-repeated", Title: "A key that stands twice in the query string", Level: "must", Clauses: []string{"C10"}},
	{Name: "path-utf8", Title: "UTF-8 in a path parameter", Level: "must", Clauses: []string{"C4", "PEP 3333"}},
	{Name: "form", Title: "A form, urlencoded", Level: "must"},
	{Name: "multipart", Title: "An upload with every byte from 0 to 255", Level: "must"},
	{Name: "session", Title: "Three exchanges keep a session", Level: "must", Clauses: []string{"RFC 6265 §5.3"}},
	{Name: "stream", Title: "Three chunks, each on the wire before the next is asked for", Level: "must", Clauses: []string{"C51, PEP 3333"}},
	{Name: "error-mid-stream", Title: "An exception after the first chunk", Level: "must", Clauses: []string{"C56"}, Link: "https://peps.python.org/pep-3333/#error-handling"},
	{Name: "expect-continue", Title: "100 Continue before the body", Level: "must", Clauses: []string{"RFC 9110 §10.1.1"}},
	{Name: "chunked-upload", Title: "A chunked request body", Level: "may"},
}

// caseList is n cases, all passed.
func caseList(app string, n int) []results.Case {
	cases := make([]results.Case, n)
	for i := range cases {
		cases[i] = sampleCases[i%len(sampleCases)]
		if i >= len(sampleCases) {
			cases[i].Name += fmt.Sprintf("-%d", i/len(sampleCases)+1)
		}
		cases[i].File = "apps/" + app + "/cases/" + cases[i].Name + ".txtar"
		cases[i].Outcome = results.Pass
		cases[i].Seconds = 0.004 + float64(i)*0.003
	}
	return cases
}

// green is a run of servers × apps × n cases in which everything passed.
func green(servers, apps []results.Subject, n int) *results.Run {
	run := &results.Run{
		Format: results.Format, ID: "20261122T100000-7f3a", Started: started, Finished: started.Add(83 * time.Second),
		Command: []string{"bin/matrix", "run"}, Outcome: results.Pass, Servers: servers, Apps: apps,
		Engine: results.Engine{Name: "docker", Version: "20.10.24", CPUs: 2, OS: "Debian GNU/Linux 12"},
	}
	for _, s := range servers {
		for _, a := range apps {
			cell := results.Cell{Server: s.Name, App: a.Name, Outcome: results.Pass, Seconds: 2.1, Start: 0.31,
				Repro: "bin/matrix run --server " + s.Name + " --app " + a.Name, Cases: caseList(a.Name, n)}
			for i := range cell.Cases {
				cell.Cases[i].Repro = cell.Repro + " --case " + cell.Cases[i].Name
			}
			run.Cells = append(run.Cells, cell)
		}
	}
	return run
}

// contracted is a run whose first app has a contract; what the servers say in it is hostile.
func contracted() *results.Run {
	run := mixed()
	run.Contract = &results.Contract{
		App: "bare",
		Sections: []results.Section{
			{Name: "<i>One</i>", Lines: []results.Line{
				{ID: "C10", Level: "must", Says: "QUERY_STRING is <b>raw</b>", Source: "PEP 3333, environ Variables"},
				{ID: "C86", Level: "must", Says: "HEAD | has no body", Source: "RFC 9110 §9.3.2"},
			}},
			{Name: "Two", Lines: []results.Line{{ID: "C56", Level: "should", Says: "the client can tell", Source: "RFC 9112 §8"}}},
		},
		Features: []results.Feature{{Name: "HEAD", Cases: []string{"head-hello"}}},
	}
	run.Servers = slices.Clone(run.Servers)
	run.Servers[0].Accepts = &results.Accepts{
		RequestLine: results.Bound{Most: 16384}, Field: results.Bound{Most: 16384}, Fields: results.Bound{Most: 128}, Body: results.Bound{Most: 64 << 20, AtLeast: true},
	}
	for i := range run.Cells {
		for k := range run.Cells[i].Cases {
			c := &run.Cells[i].Cases[k]
			c.Evidence = c.Exchanges
			if len(c.Evidence) == 0 {
				c.Evidence = []results.Exchange{{Line: 9, Sent: "GET / HTTP/1.1\n\n", Shown: "200 OK\n\n<script>alert(1)</script>\x1b[31m\n"}}
			}
		}
	}
	return run
}

// mixed has every outcome, hostile bytes, and bodies too large to show.
func mixed() *results.Run {
	run := green(sampleServers, sampleApps, 41)
	for i := range run.Cells {
		cell := &run.Cells[i]
		switch cell.Server {
		case "uwsgi", "wsgiref":
			differ(cell, "head-hello", results.Known, headDiffers()).Known = &headKnown
		case "waitress":
			differ(cell, "stream", results.Fail, streamDiffers())
		}
	}
	differ(find(run, "uwsgi", "bare"), "expect-continue", results.Known, headDiffers()).Known = &oldKnown
	differ(find(run, "gunicorn", "flask"), "session", results.Fail, sessionDiffers(), hostile())
	differ(find(run, "wsgiref", "django"), "multipart", results.Fail, large())
	died(find(run, "nginx-uwsgi", "pyramid"))
	skipped(find(run, "wsgiref", "pyramid"))
	run.Outcome = results.Error
	run.Problems = []string{"servers/uwsgi/server.yaml:14: the known divergence bare/expect-* ended on 2026-01-31: look again, then move the date or remove it"}
	return run
}

// interrupted is a run that was ended before it was whole.
func interrupted() *results.Run {
	run := green(sampleServers, sampleApps, 41)
	run.Partial = "interrupted after 31 s (Ctrl-C)"
	run.Cells = run.Cells[:23]
	for i := 20; i < 23; i++ {
		skipped(&run.Cells[i])
	}
	return run
}

func find(run *results.Run, server, app string) *results.Cell {
	for i := range run.Cells {
		if run.Cells[i].Server == server && run.Cells[i].App == app {
			return &run.Cells[i]
		}
	}
	panic("no such cell: " + server + " " + app)
}

// differ makes a case of a cell differ.
func differ(cell *results.Cell, name string, outcome results.Outcome, exchanges ...results.Exchange) *results.Case {
	for i := range cell.Cases {
		if c := &cell.Cases[i]; c.Name == name {
			c.Outcome, c.Exchanges = outcome, exchanges
			c.Reason = fmt.Sprintf("line %d: %s", exchanges[0].Line, exchanges[0].Differences[0])
			cell.Outcome.Raise(outcome)
			cell.Log = results.Bytes("[2026-11-22 10:00:03 +0000] [1] [INFO] Listening at: http://0.0.0.0:8000 (1)\n" +
				"[2026-11-22 10:00:03 +0000] [7] [INFO] Booting worker with pid: 7\n\x1b[31mGET /who\x1b[0m </pre><script>document.pwned=1</script>\n")
			return c
		}
	}
	panic("no such case: " + name)
}

func died(cell *results.Cell) {
	cell.Outcome, cell.Cases = results.Error, nil
	cell.Reason = "the server never listened: it ended after 0.4 s with exit code 3"
	cell.Log = results.Bytes("Traceback (most recent call last):\n  File \"/app/app.py\", line 3, in <module>\n    import pyramid.config\n" +
		"ModuleNotFoundError: No module named 'pyramid'\n")
}

func skipped(cell *results.Cell) {
	cell.Outcome = results.Skip
	for i := range cell.Cases {
		cell.Cases[i].Outcome = results.Skip
	}
}

func headDiffers() results.Exchange {
	return results.Exchange{
		Line: 9, Connection: "main", Sent: "HEAD /hello HTTP/1.1\nHost: matrix.test\n\n",
		Golden:      []string{"200 OK\nContent-Type: text/plain\nContent-Length: 24\nX-App: hello\n\n"},
		Received:    results.Bytes("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nDate: Sun, 22 Nov 2026 10:00:04 GMT\r\n\r\nHello world from Flask!\n"),
		Shown:       "200 OK\nContent-Type: text/plain\n\nHello world from Flask!\\n\n",
		Differences: []string{"header X-App: hello is missing", "the response to HEAD has a body (C86)"},
		Diff:        "--- golden\n+++ received\n@@ -1,5 +1,4 @@\n 200 OK\n Content-Type: text/plain\n Content-Length: 24\n-X-App: hello\n \n",
	}
}

func streamDiffers() results.Exchange {
	return results.Exchange{
		Line: 9, Connection: "main", Sent: "GET /stream HTTP/1.1\nHost: matrix.test\n\n",
		Golden:   []string{"200 OK\nContent-Type: text/plain; charset=utf-8\n\none\n\\{pause 100ms}two\n\\{pause 100ms}three\n\n"},
		Received: results.Bytes("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: text/plain; charset=utf-8\r\nDate: Sun, 22 Nov 2026 10:00:04 GMT\r\nServer: waitress\r\n\r\none\ntwo\nthree\n"),
		Shown:    "200 OK\nContent-Type: text/plain; charset=utf-8\n\none\ntwo\nthree\n\n",
		Differences: []string{"body byte 4 came 0s after the one before, not at least 100ms: chunks are held back (C51)",
			"body byte 8 came 0s after the one before, not at least 100ms: chunks are held back (C51)"},
	}
}

func sessionDiffers() results.Exchange {
	return results.Exchange{
		Line: 21, Connection: "main", Sent: "POST /login HTTP/1.1\nHost: matrix.test\nContent-Type: application/x-www-form-urlencoded\nContent-Length: \\{length}\n\nname=alice&next=%2Fwho",
		Golden: []string{
			"303 See Other\nContent-Length: 0\nLocation: http://matrix.test/who\nSet-Cookie: session=\\{save sid [0-9a-f]+}; HttpOnly; Path=/\nX-Name: Zo\\xc3\\xab\n\n",
			"302 Found\n\\{any}\nLocation: http://matrix.test/who\n\n\\{any}\n",
		},
		Received: results.Bytes("HTTP/1.1 303 SEE OTHER\r\nServer: gunicorn\r\nDate: Sun, 22 Nov 2026 10:00:04 GMT\r\nConnection: keep-alive\r\n" +
			"Content-Length: 0\r\nLocation: http://0.0.0.0:8000/who\r\nSet-Cookie: session=5b1f; HttpOnly; Path=/\r\nX-Name: Zo\xeb \r\n\r\n"),
		Shown: "303 SEE OTHER\nContent-Length: 0\nLocation: http://0.0.0.0:8000/who\nSet-Cookie: session=5b1f; HttpOnly; Path=/\nX-Name: Zo\\xeb\n\n",
		Differences: []string{"the status is 303 SEE OTHER, not 303 See Other", "header Location: http://0.0.0.0:8000/who, not Location: http://matrix.test/who",
			`header X-Name: Zo\xeb, not X-Name: Zo\xc3\xab`},
		Diff: "--- golden\n+++ received\n@@ -1,6 +1,6 @@\n-303 See Other\n+303 SEE OTHER\n Content-Length: 0\n-Location: http://matrix.test/who\n+Location: http://0.0.0.0:8000/who\n" +
			" Set-Cookie: session=\\{save sid [0-9a-f]+}; HttpOnly; Path=/\n-X-Name: Zo\\xc3\\xab\n+X-Name: Zo\\xeb\n \n",
	}
}

// evil is what a server could send to take over whoever reads about it.
const evil = "</script><script>document.pwned=1</script><img src=x onerror=document.pwned=1>" +
	"\"'><svg onload=document.pwned=1> {{.}} ${x} ]]> `\x00\x1b[2J\xff\xfe\u202etxt.exe\u2066\u200b\ufeff\u2028\U000e0041  "

func hostile() results.Exchange {
	return results.Exchange{
		Line: 34, Connection: evil, Sent: evil + "\nHost: " + evil + "\n\n", Golden: []string{evil + "\n\n" + evil, ""},
		Received: results.Bytes("HTTP/1.1 200 " + evil + "\r\n\r\n" + evil + "\n\r\n\t \r\n"), Shown: "200 " + evil + "\n\n" + evil + "\n",
		Differences: []string{"the status is 200 " + evil},
		Diff:        "--- golden\n+++ received\n@@ -1 +1 @@\n-" + evil + "\n+200 " + evil + "\n",
	}
}

// large has bodies that no report shows whole.
func large() results.Exchange {
	pattern := make([]byte, 300<<10)
	for i := range pattern {
		pattern[i] = byte(i % 251)
	}
	return results.Exchange{
		Line: 12, Connection: "main", Sent: "POST /echo HTTP/1.1\nHost: matrix.test\nContent-Length: \\{length}\n\n\\{bytes 307200}",
		Golden:      []string{"200 OK\n\n\\{sha256 307200 " + strings.Repeat("ab", 32) + "}\n", "200 OK\n\n" + strings.Repeat("a long line that the golden holds in full, \\x00\\x01 ", 4000)},
		Received:    results.Bytes(append([]byte("HTTP/1.1 200 OK\r\nDate: Sun, 22 Nov 2026 10:00:04 GMT\r\n\r\n"), pattern...)),
		Shown:       "200 OK\n\n" + strings.Repeat("what came, in lines of its own ⚙\n", 4000),
		Cut:         true,
		Differences: []string{"the body, of 307200 bytes, does not match"},
		Diff:        "--- golden\n+++ received\n@@ -1,3 +1,3 @@\n 200 OK\n \n-\\{sha256 307200 " + strings.Repeat("ab", 32) + "}\n+what came, in lines of its own ⚙\n",
	}
}
