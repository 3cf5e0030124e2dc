package environ

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"wsgimatrix/servers/internal/http1"
)

// decode reads records as the C side does, and fails where it would read out of bounds.
func decode(t testing.TB, buf []byte) map[string]string {
	t.Helper()
	take := func(n uint32) (part []byte) {
		if uint64(n) > uint64(len(buf)) {
			t.Fatalf("%d of %d bytes", n, len(buf))
		}
		part, buf = buf[:n], buf[n:]
		return part
	}
	number := func() uint32 { return binary.NativeEndian.Uint32(take(4)) }
	env := map[string]string{}
	for range number() {
		id, name, value := number(), number(), number()
		key := string(take(name))
		if id != Named {
			if name != 0 || id >= uint32(len(Keys)) {
				t.Fatalf("key %d with the name %q", id, key)
			}
			key = Keys[id]
		}
		if _, twice := env[key]; twice {
			t.Fatalf("%s twice", key)
		}
		env[key] = string(take(value))
		if padding := take(-(name + value) & 3); strings.Trim(string(padding), "\x00") != "" {
			t.Fatalf("%q behind %s", padding, key)
		}
	}
	if len(buf) != 0 {
		t.Fatalf("%d bytes are left", len(buf))
	}
	return env
}

func parse(t testing.TB, raw string) *http1.Request {
	t.Helper()
	var r http1.Request
	if _, err := r.Parse([]byte(raw), nil); err != nil {
		t.Fatalf("%q: %v", raw, err)
	}
	return &r
}

var tcp = &Peer{Addr: "127.0.0.1", Port: "40000"}

// encode is the environ of a request; the body's length is the declared one.
func encode(t testing.TB, raw string) map[string]string {
	t.Helper()
	var e Encoder
	r := parse(t, raw)
	out, err := e.Append(nil, r, tcp, r.ContentLength)
	if err != nil {
		t.Fatalf("%q: %v", raw, err)
	}
	return decode(t, out)
}

func TestWholeEnviron(t *testing.T) {
	got := encode(t, "POST /a%20b?c=%20 HTTP/1.1\r\nHost: x:80\r\nUser-Agent: y\r\nX-Own: z\r\nContent-Type: t/u\r\nContent-Length: 3\r\nAccept:\r\n\r\n")
	want := map[string]string{
		"REQUEST_METHOD":  "POST",
		"SCRIPT_NAME":     "",
		"PATH_INFO":       "/a b",
		"QUERY_STRING":    "c=%20",
		"REQUEST_URI":     "/a%20b?c=%20",
		"SERVER_PROTOCOL": "HTTP/1.1",
		"REMOTE_ADDR":     "127.0.0.1",
		"REMOTE_PORT":     "40000",
		"CONTENT_TYPE":    "t/u",
		"CONTENT_LENGTH":  "3",
		"HTTP_HOST":       "x:80",
		"HTTP_USER_AGENT": "y",
		"HTTP_ACCEPT":     "",
		"HTTP_X_OWN":      "z",
	}
	if !maps.Equal(got, want) {
		t.Errorf("\n got %q\nwant %q", got, want)
	}
}

// TestPairs looks at one key of each environ; "-" says that it must not be there.
func TestPairs(t *testing.T) {
	for _, tt := range []struct{ name, line, fields, key, want string }{
		{"C8: decoded once", "GET /a%252F HTTP/1.1", "", "PATH_INFO", "/a%2F"},
		{"C8: a byte that is no UTF-8", "GET /%ff HTTP/1.1", "", "PATH_INFO", "/\xff"},
		{"C4: UTF-8", "GET /%E2%82%AC HTTP/1.1", "", "PATH_INFO", "/\xe2\x82\xac"},
		{"C9: encoded slash", "GET /a%2Fb HTTP/1.1", "", "PATH_INFO", "/a/b"},
		{"C9: two slashes", "GET //a HTTP/1.1", "", "PATH_INFO", "//a"},
		{"C9: dots", "GET /a/../b/. HTTP/1.1", "", "PATH_INFO", "/a/../b/."},
		{"C9: path parameters", "GET /a;p=1/b HTTP/1.1", "", "PATH_INFO", "/a;p=1/b"},
		{"C9: raw 8-bit", "GET /\xe9 HTTP/1.1", "", "PATH_INFO", "/\xe9"},
		{"a plus is a plus", "GET /a+b HTTP/1.1", "", "PATH_INFO", "/a+b"},
		{"NUL", "GET /a%00b HTTP/1.1", "", "PATH_INFO", "/a\x00b"},
		{"invalid sequences", "GET /%zz%4%%41%4 HTTP/1.1", "", "PATH_INFO", "/%zz%4%A%4"},
		{"encoded question mark", "GET /a%3fb?c HTTP/1.1", "", "PATH_INFO", "/a?b"},
		{"C10: raw query", "GET /?a=%2F+b&&%zz?? HTTP/1.1", "", "QUERY_STRING", "a=%2F+b&&%zz??"},
		{"C10: no query", "GET / HTTP/1.1", "", "QUERY_STRING", ""},
		{"C10: empty query", "GET /? HTTP/1.1", "", "QUERY_STRING", ""},
		{"C11: no Content-Type", "GET / HTTP/1.1", "", "CONTENT_TYPE", "-"},
		{"C11: never as HTTP_CONTENT_TYPE", "GET / HTTP/1.1", "Content-Type: a/b\r\n", "HTTP_CONTENT_TYPE", "-"},
		{"C11: never as HTTP_CONTENT_LENGTH", "POST / HTTP/1.1", "Content-Length: 3\r\n", "HTTP_CONTENT_LENGTH", "-"},
		{"C11: length without zeros", "POST / HTTP/1.1", "Content-Length: 003\r\n", "CONTENT_LENGTH", "3"},
		{"C11: length 0", "POST / HTTP/1.1", "Content-Length: 0\r\n", "CONTENT_LENGTH", "0"},
		{"C11: no length", "GET / HTTP/1.1", "", "CONTENT_LENGTH", "-"},
		{"C12: HTTP/1.0", "GET / HTTP/1.0", "", "SERVER_PROTOCOL", "HTTP/1.0"},
		{"C13: absent", "GET / HTTP/1.1", "", "HTTP_ACCEPT", "-"},
		{"C13: empty", "GET / HTTP/1.1", "X-Own:\r\n", "HTTP_X_OWN", ""},
		{"C14: known header repeated", "GET / HTTP/1.1", "Accept: a\r\nX: y\r\naccept: b\r\nACCEPT:\r\n", "HTTP_ACCEPT", "a,b,"},
		{"C14: unknown header repeated", "GET / HTTP/1.1", "X-Own: a\r\nX: y\r\nx-own: b\r\n", "HTTP_X_OWN", "a,b"},
		{"C14: empty and empty", "GET / HTTP/1.1", "X-Own:\r\nX-Own:\r\n", "HTTP_X_OWN", ","},
		{"C14: cookies", "GET / HTTP/1.1", "Cookie: a=b\r\nCookie: c=d\r\n", "HTTP_COOKIE", "a=b; c=d"},
		{"C15: underscore", "GET / HTTP/1.1", "X_Own: a\r\n", "HTTP_X_OWN", "-"},
		{"C15: underscore joins nothing", "GET / HTTP/1.1", "X-Own: a\r\nX_Own: b\r\n", "HTTP_X_OWN", "a"},
		{"C15: underscore in a known name", "GET / HTTP/1.1", "User_Agent: a\r\n", "HTTP_USER_AGENT", "-"},
		{"C16: Proxy", "GET / HTTP/1.1", "PROXY: a\r\n", "HTTP_PROXY", "-"},
		{"C17: latin-1", "GET / HTTP/1.1", "X-Own: \xe9\r\n", "HTTP_X_OWN", "\xe9"},
		{"C71: absolute-form, path", "GET http://a/b?c HTTP/1.1", "", "PATH_INFO", "/b"},
		{"C71: absolute-form, no path", "GET http://a HTTP/1.1", "", "PATH_INFO", "/"},
		{"C71: absolute-form, host", "GET http://a/b?c HTTP/1.1", "", "HTTP_HOST", "a"},
		{"C71: absolute-form in 1.0 without Host", "GET http://a/b HTTP/1.0", "", "HTTP_HOST", "a"},
		{"absolute-form as it came", "GET http://a/b?c HTTP/1.1", "", "REQUEST_URI", "http://a/b?c"},
		{"no Host", "GET / HTTP/1.0", "", "HTTP_HOST", "-"},
		{"C72: OPTIONS *", "OPTIONS * HTTP/1.1", "", "PATH_INFO", "/"},
		{"C72: OPTIONS * as it came", "OPTIONS * HTTP/1.1", "", "REQUEST_URI", "*"},
		{"C81: coding", "POST / HTTP/1.1", "Transfer-Encoding: chunked\r\n", "HTTP_TRANSFER_ENCODING", "-"},
		{"odd names", "GET / HTTP/1.1", "x.y!z~1: a\r\n", "HTTP_X.Y!Z~1", "a"},
		{"long name", "GET / HTTP/1.1", strings.Repeat("a-", 100) + ": b\r\n", "HTTP_" + strings.Repeat("A_", 100), "b"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			host := "Host: x\r\n"
			if strings.HasSuffix(tt.line, "1.0") {
				host = ""
			}
			got, ok := encode(t, tt.line+"\r\n"+host+tt.fields+"\r\n")[tt.key]
			if !ok {
				got = "-"
			}
			if got != tt.want {
				t.Errorf("%s is %q, want %q", tt.key, got, tt.want)
			}
		})
	}
}

func TestMount(t *testing.T) {
	for _, tt := range []struct{ mount, target, want string }{
		{"/app", "/app", ""},
		{"/app", "/app/", "/"},
		{"/app", "/app/a%2Fb", "/a/b"},
		{"/app", "/%61pp/a", "/a"},
		{"/app", "/app%2Fa", "/a"},
		{"/app", "/app//a", "//a"},
		{"/app", "*", "/"},
		{"/app", "/application", "404"},
		{"/app", "/ap", "404"},
		{"/app", "/", "404"},
		{"/app", "//app", "404"},
		{"/a/b", "/a/b/c", "/c"},
		{"", "/app", "/app"},
	} {
		e := Encoder{ScriptName: tt.mount}
		r := parse(t, "OPTIONS "+tt.target+" HTTP/1.1\r\nHost: x\r\n\r\n")
		out, err := e.Append([]byte("xyz"), r, tcp, -1)
		if tt.want == "404" {
			if !errors.Is(err, ErrNotMounted) || string(out) != "xyz" {
				t.Errorf("%s at %s: %q, %v", tt.target, tt.mount, out, err)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		env := decode(t, out[3:])
		if env["SCRIPT_NAME"] != tt.mount || env["PATH_INFO"] != tt.want {
			t.Errorf("%s at %s: %q, %q", tt.target, tt.mount, env["SCRIPT_NAME"], env["PATH_INFO"])
		}
	}
}

func TestContentTypeTwice(t *testing.T) {
	var e Encoder
	r := parse(t, "POST / HTTP/1.1\r\nHost: x\r\nContent-Type: a/b\r\ncontent-type: a/b\r\n\r\n")
	_, err := e.Append(nil, r, tcp, -1)
	if bad, ok := errors.AsType[*http1.Error](err); !ok || bad.Status != 400 {
		t.Error(err)
	}
}

func TestUnixSocket(t *testing.T) {
	var e Encoder
	out, err := e.Append(nil, parse(t, "GET / HTTP/1.0\r\n\r\n"), &Peer{}, -1)
	if err != nil {
		t.Fatal(err)
	}
	env := decode(t, out)
	addr, ok := env["REMOTE_ADDR"]
	if _, port := env["REMOTE_PORT"]; !ok || addr != "" || port {
		t.Errorf("%q", env)
	}
}

// TestAppendLength: a chunked body's length is known when the body has been read.
func TestAppendLength(t *testing.T) {
	var e Encoder
	r := parse(t, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
	out, err := e.Append(nil, r, tcp, -1)
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := decode(t, out)["CONTENT_LENGTH"]; ok {
		t.Error("a CONTENT_LENGTH before the body is there")
	}
	if got := decode(t, AppendLength(out, 12345))["CONTENT_LENGTH"]; got != "12345" {
		t.Errorf("%q", got)
	}
}

// TestKeys: names and ids lead to each other, and none stands there twice.
func TestKeys(t *testing.T) {
	sorted := slices.Sorted(slices.Values(Keys))
	if len(slices.Compact(sorted)) != len(Keys) {
		t.Errorf("a key stands twice in %q", Keys)
	}
	for id, key := range Keys {
		name, isHeader := strings.CutPrefix(key, "HTTP_")
		if !isHeader || id == idHost {
			continue
		}
		if got := lookup([]byte(strings.ReplaceAll(name, "_", "-"))); got != uint32(id) {
			t.Errorf("%s: id %d, want %d", key, got, id)
		}
	}
}

// TestReuse: nothing of a request shows up in the next one.
func TestReuse(t *testing.T) {
	var e Encoder
	var buf []byte
	first := parse(t, "GET /%41 HTTP/1.1\r\nHost: x\r\nX-A: 1\r\nX-A: 2\r\nAccept: 3\r\n\r\n")
	second := parse(t, "GET /b HTTP/1.1\r\nHost: y\r\nX-A: 4\r\n\r\n")
	for _, r := range []*http1.Request{first, second} {
		out, err := e.Append(buf[:0], r, tcp, -1)
		if err != nil {
			t.Fatal(err)
		}
		buf = out
	}
	env := decode(t, buf)
	if got := fmt.Sprint(env["PATH_INFO"], env["HTTP_HOST"], env["HTTP_X_A"], env["HTTP_ACCEPT"], len(env)); got != "/by410" {
		t.Errorf("%s: %q", got, env)
	}
}

// FuzzAppend: whatever http1 lets through becomes an environ that PEP 3333 allows.
func FuzzAppend(f *testing.F) {
	for _, raw := range []string{
		wrk, browser,
		"POST http://a/%41%?b HTTP/1.0\r\nContent-Type: x\r\nContent-Length: 3\r\n\r\n",
		"OPTIONS * HTTP/1.1\r\nHost: x\r\nA: 1\r\na: 2\r\nCookie: b\r\ncookie: c\r\nProxy: d\r\nE_F: g\r\nh.i: j\r\n\r\n",
		"POST /app/x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nHTTP-A: b\r\n\r\n",
	} {
		f.Add([]byte(raw), false)
		f.Add([]byte(raw), true)
	}
	f.Fuzz(func(t *testing.T, raw []byte, mounted bool) {
		var r http1.Request
		if _, err := r.Parse(raw, nil); err != nil {
			return
		}
		var e Encoder
		if mounted {
			e.ScriptName = "/app"
		}
		out, err := e.Append(nil, &r, tcp, r.ContentLength)
		if err != nil {
			return
		}
		if size := e.size(&r, r.Path, tcp); len(out) > size {
			t.Errorf("%d bytes, expected at most %d", len(out), size)
		}
		env := decode(t, out)
		checkEnviron(t, env)
		checkFields(t, env, r.Fields)
	})
}

func checkEnviron(t *testing.T, env map[string]string) {
	for _, key := range []string{"REQUEST_METHOD", "SCRIPT_NAME", "PATH_INFO", "QUERY_STRING", "SERVER_PROTOCOL", "REMOTE_ADDR"} {
		if _, ok := env[key]; !ok {
			t.Errorf("no %s", key)
		}
	}
	path, script := env["PATH_INFO"], env["SCRIPT_NAME"]
	if path != "" && path[0] != '/' || path == "" && script == "" {
		t.Errorf("SCRIPT_NAME %q, PATH_INFO %q", script, path)
	}
	for key := range env {
		_, isHeader := strings.CutPrefix(key, "HTTP_")
		if !isHeader && !slices.Contains(Keys, key) || strings.ContainsAny(key, "abcdefghijklmnopqrstuvwxyz- ") {
			t.Errorf("the key %q", key)
		}
	}
	for _, key := range []string{"HTTP_CONTENT_TYPE", "HTTP_CONTENT_LENGTH", "HTTP_PROXY", "HTTP_TRANSFER_ENCODING"} {
		if value, ok := env[key]; ok {
			t.Errorf("%s is %q", key, value)
		}
	}
}

// checkFields makes the HTTP_ pairs again in the simplest way.
func checkFields(t *testing.T, env map[string]string, fields []http1.Field) {
	want := map[string]string{}
	for _, f := range fields {
		name := string(f.Name)
		if strings.Contains(name, "_") {
			continue
		}
		key := "HTTP_" + strings.ReplaceAll(strings.ToUpper(name), "-", "_")
		switch value, again := want[key]; {
		case !again:
			want[key] = string(f.Value)
		case key == "HTTP_COOKIE":
			want[key] = value + "; " + string(f.Value)
		default:
			want[key] = value + "," + string(f.Value)
		}
	}
	for _, key := range []string{"HTTP_CONTENT_TYPE", "HTTP_CONTENT_LENGTH", "HTTP_PROXY", "HTTP_TRANSFER_ENCODING", "HTTP_HOST"} {
		delete(want, key)
	}
	for key, value := range env {
		if strings.HasPrefix(key, "HTTP_") && key != "HTTP_HOST" && want[key] != value {
			t.Errorf("%s is %q, want %q", key, value, want[key])
		}
		delete(want, key)
	}
	if len(want) > 0 {
		t.Errorf("missing: %q", want)
	}
}

const wrk = "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n"

var browser = strings.ReplaceAll(`GET /shop/items?page=2&sort=price HTTP/1.1
Host: shop.example.com
Connection: keep-alive
Cache-Control: max-age=0
sec-ch-ua: "Chromium";v="124", "Google Chrome";v="124", "Not-A.Brand";v="99"
sec-ch-ua-mobile: ?0
sec-ch-ua-platform: "Linux"
Upgrade-Insecure-Requests: 1
User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/124.0.0.0 Safari/537.36
Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8
Sec-Fetch-Site: same-origin
Sec-Fetch-Mode: navigate
Sec-Fetch-Dest: document
Referer: https://shop.example.com/shop/items?page=1
Accept-Encoding: gzip, deflate, br, zstd
Accept-Language: en-US,en;q=0.9,de;q=0.8
X-Own-Header: 1

`, "\n", "\r\n")

func TestAppendAllocatesNothing(t *testing.T) {
	var e Encoder
	for _, raw := range []string{wrk, browser, "GET /%41 HTTP/1.1\r\nHost: x\r\nA: b\r\nA: c\r\n\r\n"} {
		r := parse(t, raw)
		buf, _ := e.Append(nil, r, tcp, 3)
		if n := testing.AllocsPerRun(100, func() { buf, _ = e.Append(buf[:0], r, tcp, 3) }); n != 0 {
			t.Errorf("%v allocations for %q", n, raw)
		}
	}
}

func benchmarkAppend(b *testing.B, raw string) {
	var e Encoder
	r := parse(b, raw)
	buf := make([]byte, 0, 8192)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := e.Append(buf, r, tcp, -1); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAppendWrk(b *testing.B)     { benchmarkAppend(b, wrk) }
func BenchmarkAppendBrowser(b *testing.B) { benchmarkAppend(b, browser) }
