package golden

import (
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"
	"time"

	"wsgimatrix/matrix/wire"
)

const goodDate = "Sun, 06 Nov 1994 08:49:37 GMT"

// unnamed is a response without a reason phrase.
func unnamed(r *wire.Response) *wire.Response {
	r.Reason = ""
	return r
}

// response is what a server without fault answers.
func response(body string, fields ...string) *wire.Response {
	r := &wire.Response{
		Version: "HTTP/1.1", Code: 200, Reason: "OK", Framing: wire.Length, Complete: true, Body: []byte(body),
		Raw: []byte("…"), Fields: []wire.Field{{Name: "Date", Value: goodDate}},
	}
	for _, f := range fields {
		name, value, _ := strings.Cut(f, ": ")
		r.Fields = append(r.Fields, wire.Field{Name: name, Value: value})
	}
	return r
}

// expecting is a step that expects what text says.
func expecting(t *testing.T, sections string) *Step {
	t.Helper()
	c := parse(t, "T\n-- send --\nGET / HTTP/1.1\n-- expect --\n200 OK\nX: \\{save kept .*}\n\n-- send --\nGET / HTTP/1.1\n"+sections)
	return &c.Steps[3]
}

var get11 = Request{Method: "GET", Minor: 1}

func TestCompare(t *testing.T) {
	long := strings.Repeat("0123456789", 1000)
	digest := fmt.Sprintf(`\{sha256 10000 %x}`, sha256.Sum256([]byte(long)))
	tests := map[string]struct {
		golden string // an expect section, after its marker
		r      *wire.Response
		want   string // a part of the differences; empty: there is none
	}{
		"same":                         {"200 OK\nA: b\n\nhello\n", response("hello", "A: b"), ""},
		"names without case":           {"200 OK\ncontent-type: b\n\nhello\n", response("hello", "Content-Type: b"), ""},
		"status":                       {"200 OK\n", &wire.Response{Version: "HTTP/1.1", Code: 404, Reason: "Not Found", Framing: wire.Length, Complete: true, Fields: response("").Fields}, "the status is 404 Not Found, not 200 OK"},
		"reason":                       {"200 Okay\n", response(""), "the status is 200 OK, not 200 Okay"},
		"any reason":                   {"200 \\{any}\n", response(""), ""},
		"a standard reason":            {"200 OK\n", unnamed(response("")), ""},
		"a standard reason, loud":      {"200 ok\n", unnamed(response("")), ""},
		"a standard reason, back":      {"200 ok\n", response(""), ""},
		"a standard reason, varied":    {"200 OK\n", &wire.Response{Version: "HTTP/1.1", Code: 200, Reason: "ok", Framing: wire.Length, Complete: true, Fields: response("").Fields}, "the status is 200 ok, not 200 OK"},
		"an interim response's reason": {"100 Continue\n", &wire.Response{Version: "HTTP/1.1", Code: 100, Reason: "(Continue)", Framing: wire.None, Complete: true}, ""},
		"an own reason":                {"200 Okay\n", unnamed(response("")), "the status is 200, not 200 Okay"},
		"no reason":                    {"200\n", response(""), "the status is 200 OK, not 200"},
		"header missing":               {"200 OK\nA: b\n", response(""), "header A: b is missing"},
		"header additional":            {"200 OK\n", response("", "A: b"), "header A: b is additional"},
		"header differs":               {"200 OK\nA: b\n", response("", "A: c"), "header A: c, not A: b"},
		"value's case":                 {"200 OK\nA: b\n", response("", "A: B"), "header A: B, not A: b"},
		"any further headers":          {"200 OK\n\\{any}\nA: b\n", response("", "C: d", "A: b"), ""},
		"order across names":           {"200 OK\nA: b\nC: d\n", response("", "C: d", "A: b"), ""},
		"order in a name":              {"200 OK\nA: 1\nA: 2\n", response("", "A: 2", "A: 1"), "header A: 2, not A: 1"},
		"one of a name less":           {"200 OK\nA: 1\nA: 2\n", response("", "A: 2"), "header A: 1 is missing"},
		"one of a name more":           {"200 OK\nA: 2\n", response("", "A: 1", "A: 2"), "header A: 1 is additional"},
		"the server's own":             {"200 OK\n", response("", "Server: x", "Via: y", "Connection: close", "Keep-Alive: z"), ""},
		"named in the golden":          {"200 OK\nConnection: close\n", response("", "Connection: keep-alive"), "header Connection: keep-alive, not Connection: close"},
		"named and missing":            {"200 OK\nConnection: close\n", response(""), "header Connection: close is missing"},
		"length in one":                {"200 OK\n", response("", "Content-Length: 0"), ""},
		"length in the other":          {"200 OK\nContent-Length: 0\n", response(""), ""},
		"length differs":               {"200 OK\nContent-Length: 1\n", response("", "Content-Length: 2"), "header Content-Length: 2, not Content-Length: 1"},
		"body":                         {"200 OK\n\nhello\n", response("help"), "the body has 4 bytes, not 5: at byte 3 stands ‘p’, not ‘lo’"},
		"body short":                   {"200 OK\n\nhello\n", response("hel"), "it ends before ‘lo’"},
		"body long":                    {"200 OK\n\nhello\n", response("hello\n"), `after it comes ‘\n’`},
		"body of two lines":            {"200 OK\n\na\nb\n\n", response("a\nb\n"), ""},
		"every byte":                   {"200 OK\n\n\\0\\xff\\r\\n\\t\\\\\n", response("\x00\xff\r\n\t\\"), ""},
		"any":                          {"200 OK\nA: x\\{any}y\n\n<\\{any}>\n", response("<\xff\n\x00>", "A: xy"), ""},
		"any, not":                     {"200 OK\n\n<\\{any}>\n", response("<\xff"), "the body, of 2 bytes, does not match"},
		"date":                         {"200 OK\nExpires: \\{date}\n", response("", "Expires: "+goodDate), ""},
		"date, not":                    {"200 OK\nExpires: \\{date}\n", response("", "Expires: 1994-11-06"), "header Expires"},
		"no such date":                 {"200 OK\nExpires: \\{date}\n", response("", "Expires: Mon, 06 Nov 1994 08:49:37 GMT"), "header Expires"},
		"re":                           {"200 OK\nA: \\{re [0-9]{3}}\n", response("", "A: 123"), ""},
		"re, not":                      {"200 OK\nA: \\{re [0-9]{3}}\n", response("", "A: 1234"), "header A: 1234"},
		"re, alternatives":             {"200 OK\nA: x\\{re a|b}y\n", response("", "A: xby"), ""},
		"re, groups":                   {"200 OK\nA: \\{re (a)(b)}\\{save k c}\n", response("", "A: abc"), ""},
		"re, one byte":                 {"200 OK\n\n\\{re .}\n", response("\xe9"), ""},
		"re, two bytes":                {"200 OK\n\n\\{re .}\n", response("é"), "does not match"},
		"re, text in UTF-8":            {"200 OK\n\n\\{re é+}\n", response("é"), ""},
		"save":                         {"200 OK\nA: \\{save k [a-z]+}\n", response("", "A: abc"), ""},
		"save, not":                    {"200 OK\nA: \\{save k [a-z]+}\n", response("", "A: 1"), "header A: 1"},
		"use":                          {"200 OK\n\n<\\{use kept}>\n", response("<v.v>"), ""},
		"use, not":                     {"200 OK\n\n<\\{use kept}>\n", response("<vxv>"), "does not match"},
		"digest":                       {"200 OK\n\n" + digest + "\n", response(long), ""},
		"digest, not":                  {"200 OK\n\n" + digest + "\n", response(long[1:] + "x"), "does not match"},
		"digest, short":                {"200 OK\n\n" + digest + "\n", response("x"), "does not match"},
		"digest in the middle":         {"200 OK\n\n\\{any}<" + digest + ">\n", response("a<" + long + ">"), ""},
		"digest, then any":             {"200 OK\n\n<" + digest + "\\{any}\n", response("<" + long + "abc"), ""},
		"incomplete":                   {"200 OK\n", with(response(""), func(r *wire.Response) { r.Complete, r.End, r.Stopped = false, wire.EOF, "it stopped" }), "the response is not complete: it stopped"},
		"nothing":                      {"200 OK\n", &wire.Response{Stopped: "no byte within 5s", End: wire.Silent}, "no response: no byte within 5s"},
		"second allowed":               {"500 No\n-- or --\n200 OK\n", response(""), ""},
		"neither allowed":              {"500 No\n-- or --\n200 OK\nA: b\n", response(""), "header A: b is missing"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			step := expecting(t, "-- expect --\n"+tt.golden)
			v := Compare(step, tt.r, get11, Vars{"kept": []byte("v.v")})
			checkDifferences(t, v, tt.want)
		})
	}
}

func with(r *wire.Response, f func(*wire.Response)) *wire.Response {
	f(r)
	return r
}

func checkDifferences(t *testing.T, v Verdict, want string) {
	t.Helper()
	all := strings.Join(v.Differences, "; ")
	if want == "" && all != "" || !strings.Contains(all, want) {
		t.Errorf("differences are %q, not %q", all, want)
	}
	if (all == "") != (v.Diff == "") && v.Diff != "" {
		t.Errorf("no difference, but a diff:\n%s", v.Diff)
	}
}

func TestRules(t *testing.T) {
	tests := map[string]struct {
		change func(*wire.Response)
		req    Request
		want   string
	}{
		"none":            {func(*wire.Response) {}, get11, ""},
		"fault":           {func(r *wire.Response) { r.Faults = []string{"both"} }, get11, "both"},
		"version":         {func(r *wire.Response) { r.Version = "HTTP/1.2" }, get11, "the version is HTTP/1.2"},
		"coded for 1.0":   {add11("Transfer-Encoding", "chunked"), Request{Minor: 0}, "C88"},
		"coded for 1.1":   {add11("Transfer-Encoding", "chunked"), get11, ""},
		"204 with length": {func(r *wire.Response) { r.Code = 204; add11("Content-Length", "0")(r) }, get11, "C87"},
		"304 with length": {func(r *wire.Response) { r.Code = 304; add11("Content-Length", "0")(r) }, get11, ""},
		"1xx for 1.0":     {func(r *wire.Response) { r.Code = 100 }, Request{Minor: 0}, "C88"},
		"no date":         {func(r *wire.Response) { r.Fields = nil }, get11, "C62"},
		"no date in 500":  {func(r *wire.Response) { r.Fields, r.Code = nil, 500 }, get11, ""},
		"no date in 100":  {func(r *wire.Response) { r.Fields, r.Code = nil, 100 }, get11, ""},
		"two dates":       {add11("date", goodDate), get11, "Date stands 2 times"},
		"bad date":        {func(r *wire.Response) { r.Fields[0].Value = "today" }, get11, "Date is no IMF-fixdate"},
		"two servers":     {func(r *wire.Response) { add11("Server", "a")(r); add11("Server", "b")(r) }, get11, "Server stands 2 times"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r := response("")
			tt.change(r)
			if got := strings.Join(rules(r, tt.req), "; "); tt.want == "" && got != "" || !strings.Contains(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func add11(name, value string) func(*wire.Response) {
	return func(r *wire.Response) { r.Fields = append(r.Fields, wire.Field{Name: name, Value: value}) }
}

func TestPartialAndTruncated(t *testing.T) {
	ended := func(end wire.End) func(*wire.Response) {
		return func(r *wire.Response) { r.Complete, r.End, r.Stopped = false, end, "it stopped" }
	}
	tests := map[string]struct {
		golden, body string
		change       func(*wire.Response)
		want         string
	}{
		"begins":                {"-- expect partial --\n200 OK\n\nhel\n", "hello", ended(wire.Enough), ""},
		"begins, not":           {"-- expect partial --\n200 OK\n\nhex\n", "hello", ended(wire.Enough), "and has to begin with 3: at byte 2 stands ‘llo’, not ‘x’"},
		"begins, pattern":       {"-- expect partial --\n200 OK\n\nh\\{re [a-z]}l\n", "hello", ended(wire.Enough), ""},
		"truncated":             {"-- expect truncated --\n200 OK\n\nhel\n", "hel", ended(wire.EOF), ""},
		"truncated by a reset":  {"-- expect truncated --\n200 OK\n\nhel\n", "hel", ended(wire.Reset), ""},
		"truncated, by close":   {"-- expect truncated --\n200 OK\n\nhel\n", "hel", func(r *wire.Response) { r.Framing = wire.ByClose }, ""},
		"truncated, not":        {"-- expect truncated --\n200 OK\n\nhel\n", "hel", func(*wire.Response) {}, "the response is complete by its framing (length)"},
		"truncated, stays open": {"-- expect truncated --\n200 OK\n\nhel\n", "hel", ended(wire.Silent), "the connection stays open"},
		"either":                {"-- expect --\n500 No\n-- or truncated --\n200 OK\n\nhel\n", "hel", ended(wire.EOF), ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r := response(tt.body)
			tt.change(r)
			checkDifferences(t, Compare(expecting(t, tt.golden), r, get11, nil), tt.want)
		})
	}
}

func TestEnough(t *testing.T) {
	tests := map[string]struct {
		golden, body string
		want         bool
	}{
		"too short":            {"200 OK\n\nhello\n", "hel", false},
		"as long":              {"200 OK\n\nhello\n", "hexxx", true},
		"pattern not yet":      {"200 OK\n\nh\\{re [0-9]+}x\n", "h12", false},
		"pattern":              {"200 OK\n\nh\\{re [0-9]+}x\n", "h12xyz", true},
		"empty, at the head":   {"200 OK\n", "", true},
		"saved has its length": {"200 OK\n\n\\{use kept}\n", "v.", false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			step := expecting(t, "-- expect partial --\n"+tt.golden)
			if got := step.Enough(Vars{"kept": []byte("v.v")})(response(tt.body)); got != tt.want {
				t.Errorf("got %v", got)
			}
		})
	}
	if expecting(t, "-- expect --\n200 OK\n").Enough(nil) != nil {
		t.Error("a whole response is read in part")
	}
}

func TestSaved(t *testing.T) {
	step := expecting(t, "-- expect --\n200 OK\nA: \\{save a [a-z]+}-\\{save b .*}\n\n<\\{save c .}>\n")
	v := Compare(step, response("<\xff>", "A: x-\\"), get11, nil)
	if string(v.Saved["a"]) != "x" || string(v.Saved["b"]) != `\` || string(v.Saved["c"]) != "\xff" {
		t.Errorf("saved %q, %v", v.Saved, v.Differences)
	}
}

func TestPause(t *testing.T) {
	start := time.Now()
	r := response("onetwo")
	r.HeadAt, r.EndAt = start, start.Add(time.Second)
	r.Marks = []wire.Mark{{Offset: 0, At: start}, {Offset: 3, At: start.Add(60 * time.Millisecond)}}
	tests := map[string]struct{ body, want string }{
		"long enough": {"one\\{pause 50ms}two", ""},
		"too short":   {"one\\{pause 70ms}two", "body byte 3 came 60ms after the one before, not at least 70ms"},
		"elsewhere":   {"on\\{pause 50ms}etwo", "body byte 2 came 0s after"},
		"at the end":  {"onetwo\\{pause 900ms}", ""},
		"first":       {"\\{pause 1ms}onetwo", "body byte 0 came 0s after"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			checkDifferences(t, Compare(expecting(t, "-- expect --\n200 OK\n\n"+tt.body+"\n"), r, get11, nil), tt.want)
		})
	}
}

func TestDiffShowsOnlyWhatDiffers(t *testing.T) {
	step := expecting(t, "-- expect --\n200 OK\nB: \\{re [0-9]+}\nA: b\n\nid \\{re [0-9]+}\nend\n")
	v := Compare(step, response("id 17\nend\t", "a: c", "B: 5"), get11, nil)
	want := `--- golden
+++ received
@@ -1,6 +1,6 @@
 200 OK
 B: \{re [0-9]+}
-A: b
+a: c
 
 id \{re [0-9]+}
-end
+end\t
`
	if v.Diff != want {
		t.Errorf("got\n%s\nwant\n%s", v.Diff, want)
	}
}

func TestBigBodiesAreShownCut(t *testing.T) {
	v := Compare(expecting(t, "-- expect --\n200 OK\n\nx\n"), response(strings.Repeat("y", 1<<20)), get11, nil)
	if len(v.Diff) > 6<<10 || !strings.Contains(v.Diff, "bytes are not shown") {
		t.Errorf("the diff has %d bytes", len(v.Diff))
	}
	if text := Format(response(strings.Repeat("y", 1<<20))); len(text) > 6<<10 {
		t.Errorf("shown are %d bytes", len(text))
	}
}

func TestRoundTrip(t *testing.T) {
	var all []byte
	for i := range 256 {
		all = append(all, byte(i))
	}
	bodies := []string{
		"", "\n", "\n\n", "hello", "hello\n", "\nhello", "a\n\nb\n\n", string(all), " x ", "x \ny\t\n", "-- send --\n", "a\n-- or --",
		"é€\u200b\u00a0", `\{any}`, `\`, "\xff\xfe", strings.Repeat("z", maxInFile+1),
	}
	for _, body := range bodies {
		r := response(body, "A: "+string(all[0x80:])+"\\x", "Empty: ")
		text := compose([]string{statusText(r.Code, r.Reason), fieldText(r.Fields[1]), fieldText(r.Fields[2])}, writeBody(r.Body))
		c := parse(t, "T\n-- send --\nGET / HTTP/1.1\n\n-- expect --\n"+text+"-- closed --\n")
		if v := Compare(&c.Steps[1], r, get11, nil); len(v.Differences) > 0 {
			t.Errorf("%q was written as\n%s\nand read with %v", excerpt(r.Body), text, v.Differences)
		}
	}
}

func FuzzRoundTrip(f *testing.F) {
	f.Add([]byte("hello\n"), "value")
	f.Add([]byte("\\\n-- expect --\n \n\t\xff"), "\xe9 \x00")
	f.Fuzz(func(t *testing.T, body []byte, value string) {
		value = strings.Trim(value, " \t")
		r := response(string(body))
		r.Fields = append(r.Fields, wire.Field{Name: "X", Value: value})
		text := compose([]string{"200 OK", fieldText(r.Fields[1])}, writeBody(body))
		c := parse(t, "T\n-- send --\nGET / HTTP/1.1\n\n-- expect --\n"+text+"-- closed --\n")
		if v := Compare(&c.Steps[1], r, get11, nil); len(v.Differences) > 0 {
			t.Errorf("written as\n%s\nread with %v", text, v.Differences)
		}
	})
}
