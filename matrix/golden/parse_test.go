package golden

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// parse reads a case from text; a test's case file always has the same name.
func parse(t *testing.T, text string) *Case {
	t.Helper()
	c, err := Parse("demo", "demo.txtar", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

const minimal = `A title

-- send --
GET / HTTP/1.1
Host: matrix.test

-- expect --
200 OK

hello
`

func TestParse(t *testing.T) {
	c := parse(t, `A title
level: should
# a remark
clause: C1; RFC 9112 §6.1
link: https://example.org/
timeout: 250ms
golden: wire
validate: off it calls read()

-- send a --
GET / HTTP/1.1
Host: matrix.test

-- send a more --
more
-- expect a partial --
200 OK
-- or truncated --
201 Created
-- reset a --
-- send a raw --
x
-- closed a --
`)
	if c.Title != "A title" || c.Level != "should" || len(c.Clauses) != 2 || c.Clauses[1] != "RFC 9112 §6.1" ||
		c.Link != "https://example.org/" || c.Timeout != 250*time.Millisecond || c.Golden != FromWire || c.Validate != "it calls read()" {
		t.Errorf("comment read as %+v", c)
	}
	var kinds []string
	for i := range c.Steps {
		kinds = append(kinds, c.Steps[i].Kind.String())
	}
	if got := strings.Join(kinds, " "); got != "send send expect reset send closed" {
		t.Errorf("steps are %s", got)
	}
	expect := c.Steps[2]
	if expect.Conn != "a" || expect.Line != 16 || len(expect.Golden) != 2 ||
		expect.Golden[0].Extent != Partial || expect.Golden[1].Extent != Truncated || !c.Steps[1].More {
		t.Errorf("expect read as %+v", expect)
	}
}

func TestDefaults(t *testing.T) {
	c := parse(t, minimal)
	if c.Level != "must" || c.Golden != FromApp || c.Timeout != 0 || c.Validate != "" || c.Steps[0].Conn != "main" {
		t.Errorf("%+v", c)
	}
}

// after11 is a case whose first send is answered and which goes on with text, from line 11.
func after11(text string) string { return minimal + text }

func TestMistakes(t *testing.T) {
	const send = "A title\n\n-- send --\nGET / HTTP/1.1\n\n"
	const wired = "A title\ngolden: wire\n\n-- send --\nGET / HTTP/1.1\n\n-- expect --\n200 OK\n"
	const load = "-- load a*3 --\nGET / HTTP/1.1\nConnection: close\n\n"
	tests := map[string]struct{ file, want string }{
		"no title":              {"\n" + minimal, "demo.txtar:1: the first line is the case's title"},
		"key":                   {"T\nlevle: must\n" + send, `demo.txtar:2: "levle" is no key: did you mean "level"?`},
		"key for a title":       {"level: must\n" + send, `the first line is the case's title, and "level" is a key`},
		"far key":               {"T\nxyzzyxyzzy: 1\n" + send, `there is clause, golden, level, link, setup, socket, timeout, validate`},
		"key twice":             {"T\nlevel: must\nlevel: may\n" + send, `demo.txtar:3: "level" was given on line 2 already`},
		"key without value":     {"T\nlevel:\n" + send, `demo.txtar:2: "level" has no value`},
		"no key":                {"T\nsomething\n" + send, `demo.txtar:2: "something" is neither`},
		"socket":                {"T\nsocket: unix\n" + send, `demo.txtar:2: "unix" is no socket: write "tcp", or leave the key out`},
		"level":                 {"T\nlevel: shuold\n" + send, `demo.txtar:2: "shuold" is no level: did you mean "should"?`},
		"timeout":               {"T\ntimeout: 5\n" + send, `demo.txtar:2: "5" is not a duration`},
		"long timeout":          {"T\ntimeout: 5h\n" + send, `demo.txtar:2: "5h" is not a duration up to 2m0s`},
		"golden":                {"T\ngolden: apps\n" + send, `demo.txtar:2: "apps" is no origin of a golden: did you mean "app"?`},
		"validate":              {"T\nvalidate: off\n" + send, `demo.txtar:2: "off": write "off" and the reason`},
		"link":                  {"T\nlink: example.org\n" + send, `demo.txtar:2: "example.org" is no address`},
		"no expected part":      {send, `demo.txtar:1: the case has no expected part: add "-- expect --"`},
		"section":               {after11("-- expct --\n"), `demo.txtar:11: "expct" is no section: did you mean "expect"?`},
		"option":                {after11("-- send main rwa --\nx\n"), `demo.txtar:11: "send main rwa" has too many words: a connection's name, then an option: did you mean "raw"?`},
		"two options":           {after11("-- send raw more --\nx\n"), `demo.txtar:11: raw and more do not go together`},
		"option of close":       {after11("-- close main now --\n"), `(it has none)`},
		"connection name":       {after11("-- send 1 --\nx\n"), `demo.txtar:11: "1" is no name for a connection`},
		"empty send":            {after11("-- send --\n"), `demo.txtar:11: this send sends nothing`},
		"blank send":            {after11("-- send --\n\nGET / HTTP/1.1\n"), `demo.txtar:12: a send begins with its request line`},
		"text in close":         {after11("-- close --\nx\n"), `demo.txtar:12: a close section holds nothing`},
		"or first":              {"T\n-- or --\n200 OK\n", `demo.txtar:2: an or section stands directly after an expect`},
		"or after closed":       {after11("-- closed --\n-- or --\n200 OK\n"), `demo.txtar:12: an or section stands directly after`},
		"or with connection":    {after11("-- or main --\n200 OK\n"), `demo.txtar:11: an or section names no connection`},
		"never sent to":         {after11("-- expect mian --\n200 OK\n"), `demo.txtar:11: expect on connection "mian", which nothing was sent to: did you mean "main"?`},
		"close unopened":        {after11("-- close a --\n"), `demo.txtar:11: close on connection "a", which nothing was sent to`},
		"expect after close":    {after11("-- close --\n-- expect --\n200 OK\n"), `demo.txtar:12: expect on connection "main", which has ended: send first`},
		"send after half":       {after11("-- half-close --\n-- send --\nGET / HTTP/1.1\n"), `demo.txtar:12: send on connection "main" after its half-close`},
		"more of nothing":       {after11("-- send a more --\nx\n"), `demo.txtar:11: send more on connection "a" continues no earlier send`},
		"expect after partial":  {send + "-- expect partial --\n200 OK\n-- expect --\n200 OK\n", `demo.txtar:8: expect on connection "main" after a partial expect`},
		"send after partial":    {send + "-- expect partial --\n200 OK\n-- send --\nGET / HTTP/1.1\n", `demo.txtar:8: send on connection "main" after a partial expect`},
		"empty expect":          {send + "-- expect --\n", `demo.txtar:6: an expect begins with a status line`},
		"status":                {send + "-- expect --\n200OK\n", `demo.txtar:7: "200OK" is not a status line: write three digits, a space and the reason phrase`},
		"status with version":   {send + "-- expect --\nHTTP/1.1 200 OK\n", `the version is not part of it`},
		"status placeholder":    {send + "-- expect --\n\\{any}\n", `is not a status line`},
		"header":                {send + "-- expect --\n200 OK\nhello\n", `demo.txtar:8: "hello" is not a header line`},
		"header name":           {send + "-- expect --\n200 OK\nA b: c\n", `demo.txtar:8: "A b" is not the name of a header`},
		"placeholder":           {send + "-- expect --\n200 OK\nX: \\{dat}\n", `demo.txtar:8: \{dat} is no placeholder: did you mean "date"?`},
		"placeholder of send":   {send + "-- expect --\n200 OK\nX: \\{length}\n", `demo.txtar:8: \{length} has a meaning in a send only`},
		"placeholder of golden": {"T\n-- send --\n\\{any}\n", `demo.txtar:3: \{any} has a meaning in an expect only`},
		"open placeholder":      {send + "-- expect --\n200 OK\nX: \\{re a\n", `demo.txtar:8: \{ has no } on its line`},
		"pattern":               {send + "-- expect --\n200 OK\nX: \\{re (}\n", `demo.txtar:8: \{re (}: the pattern does not compile`},
		"empty pattern":         {send + "-- expect --\n200 OK\nX: \\{re}\n", `it needs a pattern`},
		"any with argument":     {send + "-- expect --\n200 OK\nX: \\{any x}\n", `it takes no argument`},
		"digest":                {send + "-- expect --\n200 OK\n\n\\{sha256 5 abc}\n", `demo.txtar:9: \{sha256 5 abc}: "abc" is not a SHA-256`},
		"floating digest":       {send + "-- expect --\n200 OK\n\n\\{any}\\{sha256 5 " + strings.Repeat("0", 64) + "}\\{any}\n", `demo.txtar:9: \{sha256} needs a side`},
		"pause":                 {send + "-- expect --\n200 OK\n\nx\\{pause 5}y\n", `demo.txtar:9: \{pause 5}: "5" is not a duration`},
		"unsaved use":           {send + "-- expect --\n200 OK\nX: \\{save sid .*}\n-- send --\nGET /\\{use sit} HTTP/1.1\n", `demo.txtar:10: \{use sit}: no earlier expect saves it: did you mean "sid"?`},
		"save name":             {send + "-- expect --\n200 OK\nX: \\{save 1 .*}\n", `"1" is not a name`},
		"length in body":        {"T\n-- send --\nGET / HTTP/1.1\n\n\\{length}\n", `demo.txtar:5: \{length} counts a body`},
		"bytes":                 {"T\n-- send --\n\\{bytes x}\n", `demo.txtar:3: \{bytes x}: "x" is not a number`},
		"too many bytes":        {"T\n-- send --\n\\{bytes 999999999999}\n", `is not a number from 0 to`},
		"repeat":                {"T\n-- send --\n\\{repeat 3}\n", `it is written \{repeat N TEXT}`},
		"repeat escape":         {"T\n-- send --\n\\{repeat 3 \\q}\n", `\q is no escape here`},
		"repeat too much":       {"T\n-- send --\n\\{repeat 200000000 abc}\n", `it makes more than`},
		"escape":                {"T\n-- send --\nGET /\\q HTTP/1.1\n", `demo.txtar:3: \q is no escape`},
		"half hex":              {"T\n-- send --\nGET /\\x0 HTTP/1.1\n", `demo.txtar:3: \x is no escape`},
		"last backslash":        {"T\n-- send --\nGET /\\\n", `demo.txtar:3: a \ that ends the section joins with nothing`},
		"carriage return":       {"T\n-- send --\nGET / HTTP/1.1\r\n", `demo.txtar:3: a carriage return stands in the file`},
		"tell what":             {after11("-- tell sotp --\n"), `demo.txtar:11: a server cannot be told "sotp"; did you mean "stop"?`},
		"tell by the app":       {after11("-- tell stop --\n"), `demo.txtar:11: what comes of a tell is not the app's to say: write "golden: wire"`},
		"no worker":             {wired + "-- tell kill-worker --\n", `demo.txtar:9: which worker? an expect saves its process number: \{save pid [0-9]+}`},
		"ended untold":          {wired + "-- ended --\n", `demo.txtar:9: a server ends when it is told to: write "-- tell stop --" above`},
		"ended how":             {wired + "-- tell stop --\n-- ended badly --\n", `demo.txtar:10: "ended badly": behind ended stands an exit code`},
		"nothing logged":        {wired + "-- logged --\n\n", `demo.txtar:9: a logged section says what the log has to say, a line each`},
		"logged by whom":        {wired + "-- logged main --\nx\n", `demo.txtar:9: "logged main": what the log has to say stands below, a line each`},
		"long pause":            {wired + "-- pause 1h --\n", `demo.txtar:9: "pause 1h" is not a pause of up to 5s`},
		"text in pause":         {wired + "-- pause 1s --\nx\n", `demo.txtar:10: a pause section holds nothing`},
		"one connection":        {wired + "-- send a*1 --\nGET / HTTP/1.1\n", `demo.txtar:9: "a*1": the number of connections is from 2 to 200, not "1"`},
		"other count":           {wired + "-- send a*3 --\nGET / HTTP/1.1\n\n-- expect a*2 --\n200 OK\n", `demo.txtar:12: "a" names 3 connections: write a*3 in each of its sections`},
		"load that stays":       {wired + "-- load a*3 --\nGET / HTTP/1.1\n\n-- every a*3 --\n200 OK\n", `demo.txtar:9: a load is one whole request that says Connection: close`},
		"load without end":      {wired + load, `demo.txtar:1: the load "a" has no end: add "-- every a --"`},
		"load on main":          {wired + strings.ReplaceAll(load, "a*3", "main"), `demo.txtar:9: load on connection "main", which is in use`},
		"send to a load":        {wired + load + "-- send a*3 --\nGET / HTTP/1.1\n", `demo.txtar:13: send on connection "a": an every ends a load`},
		"every of nothing":      {wired + "-- every --\n200 OK\n", `demo.txtar:9: every on connection "main": an every ends a load`},
		"begins unopened":       {wired + "-- begins a --\n", `demo.txtar:9: begins on connection "a", which nothing was sent to`},
		"closed after partial":  {send + "-- expect partial --\n200 OK\n-- closed --\n", `only close, reset and closed any can follow`},
		"line after a join":     {"T\n-- send --\nGET /\\\n\\q HTTP/1.1\n", `demo.txtar:4: \q is no escape`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := Parse("demo", "demo.txtar", []byte(tt.file))
			if err == nil {
				t.Fatal("read without a mistake")
			}
			if !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %s\nwant %s", err, tt.want)
			}
		})
	}
}

func TestAllMistakesAtOnce(t *testing.T) {
	_, err := Parse("demo", "demo.txtar", []byte("T\nlevel: x\n-- sned --\n-- expect --\nabc\n"))
	for _, want := range []string{"demo.txtar:2:", "demo.txtar:3:", "demo.txtar:5:"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s is not in %v", want, err)
		}
	}
}

func TestLoadDir(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("b.txtar", minimal)
	write("a.txtar", minimal)
	write("notes.md", "no case")
	cases, err := LoadDir(dir)
	if err != nil || len(cases) != 2 || cases[0].Name != "a" || cases[1].File != filepath.Join(dir, "b.txtar") {
		t.Fatalf("got %v, %v", cases, err)
	}
	write("c.txtar", "T\nx\n")
	write("d.txtar", "T\ny\n")
	_, err = LoadDir(dir)
	if err == nil || !strings.Contains(err.Error(), "c.txtar:2") || !strings.Contains(err.Error(), "d.txtar:2") {
		t.Errorf("got %v", err)
	}
	if _, err := LoadDir(filepath.Join(dir, "none")); err == nil {
		t.Error("a folder that is not there was read")
	}
}

func TestSendBytes(t *testing.T) {
	tests := map[string]struct{ section, want string }{
		"head alone":       {"-- send --\nGET / HTTP/1.1\nHost: a\n\n", "GET / HTTP/1.1\r\nHost: a\r\n\r\n"},
		"two blank lines":  {"-- send --\nGET / HTTP/1.1\n\n\n", "GET / HTTP/1.1\r\n\r\n"},
		"unfinished head":  {"-- send --\nGET / HTTP/1.1\nHost:\n", "GET / HTTP/1.1\r\nHost:\r\n"},
		"body":             {"-- send --\nPOST / HTTP/1.1\nContent-Length: \\{length}\n\nhello\n", "POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello"},
		"body, line end":   {"-- send --\nPOST / HTTP/1.1\n\nhello\n\n", "POST / HTTP/1.1\r\n\r\nhello\n"},
		"body, \\n":        {"-- send --\nPOST / HTTP/1.1\n\nhello\\n\n", "POST / HTTP/1.1\r\n\r\nhello\n"},
		"body, two lines":  {"-- send --\nPOST / HTTP/1.1\n\na\nb\n", "POST / HTTP/1.1\r\n\r\na\nb"},
		"raw":              {"-- send raw --\nGET / HTTP/1.1\\r\\n\n\\r\\n\n", "GET / HTTP/1.1\r\n\r\n"},
		"raw half a line":  {"-- send raw --\nGET /\n", "GET /"},
		"escapes":          {"-- send raw --\n\\\\\\r\\n\\t\\0\\x7f\\xFFé\\x2d\n", "\\\r\n\t\x00\x7f\xffé-"},
		"joined lines":     {"-- send --\nGET /\\\nabc HTTP/1.1\n\n", "GET /abc HTTP/1.1\r\n\r\n"},
		"bytes and repeat": {"-- send raw --\n\\{bytes 3}\\{repeat 2 ab\\x7d}\n", "\x00\x01\x02ab}ab}"},
		"pattern wraps":    {"-- send raw --\n\\{bytes 252}\n", pattern252()},
		"marker":           {"-- send raw --\n\\x2d- send --\n", "-- send --"},
		"no last line end": {"-- send raw --\nabc", "abc"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c := parse(t, "T\n"+tt.section+suffixFor(tt.section))
			got, err := c.Steps[0].Bytes(nil)
			if err != nil || string(got) != tt.want {
				t.Errorf("got %q, %v, want %q", got, err, tt.want)
			}
		})
	}
}

func pattern252() string {
	var b []byte
	for i := range 252 {
		b = append(b, byte(i%251))
	}
	return string(b)
}

// suffixFor ends a file whose only section is a send.
func suffixFor(section string) string {
	if !strings.HasSuffix(section, "\n") {
		return "\n-- closed --\n"
	}
	return "-- closed --\n"
}

func TestSendUses(t *testing.T) {
	c := parse(t, "T\n-- send --\nGET / HTTP/1.1\n-- expect --\n200 OK\nX: \\{save id .*}\n-- send --\nGET /\\{use id} HTTP/1.1\n\n")
	step := &c.Steps[2]
	if got, err := step.Bytes(Vars{"id": []byte("a\xff")}); err != nil || string(got) != "GET /a\xff HTTP/1.1\r\n\r\n" {
		t.Errorf("got %q, %v", got, err)
	}
	if _, err := step.Bytes(nil); err == nil || !strings.Contains(err.Error(), `\{use id}: nothing was saved`) {
		t.Errorf("got %v", err)
	}
}

func TestSendMore(t *testing.T) {
	c := parse(t, "T\n-- send --\nPOST / HTTP/1.1\n\n-- send more --\nab\n\n-- closed --\n")
	if got, err := c.Steps[1].Bytes(nil); err != nil || string(got) != "ab\n" {
		t.Errorf("got %q, %v", got, err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(minimal))
	f.Add([]byte("T\nlevel: may\n-- send a raw --\n\\{bytes 3}\\{repeat 2 x}\\x00\\\n\n-- expect a partial --\n200 \\{any}\nX: \\{save s [0-9]+}\n\\{any}\n\n\\{use s}\\{pause 5ms}\\{date}\n-- or --\n500\n-- closed a --"))
	f.Add([]byte("-- -- --\n-- or --\n-- expect --\n\n"))
	f.Add([]byte("T\n-- send --\n\\{bytes 3} / HTTP/1.1\n\n\n-- expect --\n200 OK\n\n\\{sha256 1 " + strings.Repeat("a", 64) + "}\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := Parse("demo", "demo.txtar", data)
		if (c == nil) == (err == nil) {
			t.Fatal("neither a case nor a mistake, or both")
		}
		if c == nil {
			return
		}
		for i := range c.Steps {
			step := &c.Steps[i]
			for _, e := range step.Golden {
				if string(data[e.start:e.end]) != strings.TrimSuffix(e.Text, "\n") && string(data[e.start:e.end]) != e.Text {
					t.Errorf("section at line %d stands elsewhere", e.Line)
				}
			}
		}
	})
}
