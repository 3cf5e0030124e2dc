package report_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"sync"
	"testing"
	"time"
)

// cdp speaks the Chrome DevTools Protocol over a pair of pipes (--remote-debugging-pipe):
// a browser without any network is steered through them. Messages end with a NUL.
type cdp struct {
	t       *testing.T
	out     io.Writer
	session string

	requests []string // the addresses that pages have asked for

	mu      sync.Mutex
	last    int
	waiting map[int]chan message
	events  chan message
}

type message struct {
	ID     int             `json:"id"`
	Method string          `json:"method"`
	Params json.RawMessage `json:"params"`
	Result json.RawMessage `json:"result"`
	Error  *struct {
		Message string `json:"message"`
	} `json:"error"`
}

// answerLimit is how long one answer or event of the browser may take.
const answerLimit = 40 * time.Second

func newCDP(t *testing.T, in io.Reader, out io.Writer) *cdp {
	c := &cdp{t: t, out: out, waiting: map[int]chan message{}, events: make(chan message, 4096)}
	go c.listen(in)
	return c
}

func (c *cdp) listen(in io.Reader) {
	r := bufio.NewReader(in)
	for {
		data, err := r.ReadBytes(0)
		if err != nil {
			return
		}
		var m message
		if json.Unmarshal(data[:len(data)-1], &m) == nil {
			c.deliver(m)
		}
	}
}

func (c *cdp) deliver(m message) {
	if m.ID == 0 {
		select {
		case c.events <- m:
		default: // nobody is interested in that many
		}
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if ch := c.waiting[m.ID]; ch != nil {
		ch <- m
		delete(c.waiting, m.ID)
	}
}

// call has the browser do something, and reads what it answers into result, unless that is nil.
func (c *cdp) call(method string, params, result any) {
	c.t.Helper()
	answer := make(chan message, 1)
	c.mu.Lock()
	c.last++
	id := c.last
	c.waiting[id] = answer
	c.mu.Unlock()
	if params == nil {
		params = struct{}{}
	}
	request := map[string]any{"id": id, "method": method, "params": params}
	if c.session != "" {
		request["sessionId"] = c.session
	}
	data, err := json.Marshal(request)
	if err == nil {
		_, err = c.out.Write(append(data, 0))
	}
	if err != nil {
		c.t.Fatalf("%s: %v", method, err)
	}
	select {
	case m := <-answer:
		if m.Error != nil {
			c.t.Fatalf("%s: %s", method, m.Error.Message)
		}
		if result != nil {
			if err := json.Unmarshal(m.Result, result); err != nil {
				c.t.Fatalf("%s: %v", method, err)
			}
		}
	case <-time.After(answerLimit):
		c.t.Fatalf("%s: no answer within %s", method, answerLimit)
	}
}

// attach opens a tab and makes it the one that is spoken to.
func (c *cdp) attach() {
	c.t.Helper()
	var target struct{ TargetID string }
	c.call("Target.createTarget", map[string]any{"url": "about:blank"}, &target)
	var session struct{ SessionID string }
	c.call("Target.attachToTarget", map[string]any{"targetId": target.TargetID, "flatten": true}, &session)
	c.session = session.SessionID
	c.call("Page.enable", nil, nil)
	c.call("Network.enable", nil, nil)
	c.call("Page.setLifecycleEventsEnabled", map[string]any{"enabled": true}, nil)
}

// open loads a page afresh and waits until it is there.
func (c *cdp) open(url string) {
	c.t.Helper()
	for _, to := range []string{"about:blank", url} {
		var load struct{ LoaderID, ErrorText string }
		c.call("Page.navigate", map[string]any{"url": to}, &load)
		if load.ErrorText != "" {
			c.t.Fatalf("%s: %s", to, load.ErrorText)
		}
		c.awaitLoad(load.LoaderID)
	}
}

// awaitLoad waits until a document and all that belongs to it is loaded. Its requests are kept.
func (c *cdp) awaitLoad(loader string) {
	c.t.Helper()
	limit := time.After(answerLimit)
	for {
		select {
		case m := <-c.events:
			var p struct {
				LoaderID, Name string
				Request        struct{ URL string }
			}
			if json.Unmarshal(m.Params, &p) != nil {
				continue
			}
			if m.Method == "Network.requestWillBeSent" {
				c.requests = append(c.requests, p.Request.URL)
			}
			if m.Method == "Page.lifecycleEvent" && p.LoaderID == loader && p.Name == "load" {
				return
			}
		case <-limit:
			c.t.Fatalf("the page is not loaded within %s", answerLimit)
		}
	}
}

// eval evaluates an expression in the page, and reads its value into result.
func (c *cdp) eval(expression string, result any) {
	c.t.Helper()
	var answer struct {
		Result           struct{ Value json.RawMessage }
		ExceptionDetails json.RawMessage
	}
	c.call("Runtime.evaluate", map[string]any{"expression": expression, "returnByValue": true, "awaitPromise": true}, &answer)
	if answer.ExceptionDetails != nil {
		c.t.Fatalf("%s: %s", expression, answer.ExceptionDetails)
	}
	if err := json.Unmarshal(answer.Result.Value, result); err != nil {
		c.t.Fatalf("%s: %v", expression, err)
	}
}

// number evaluates an expression that is a number.
func (c *cdp) number(expression string) int {
	c.t.Helper()
	var n float64
	c.eval(expression, &n)
	return int(n)
}

// truth evaluates an expression that is true or false.
func (c *cdp) truth(expression string) bool {
	c.t.Helper()
	var b bool
	c.eval(expression, &b)
	return b
}

// becomes tells whether an expression becomes true: what follows a click or a key has its own time.
func (c *cdp) becomes(expression string) bool {
	c.t.Helper()
	limit := time.After(5 * time.Second)
	for !c.truth(expression) {
		select {
		case <-limit:
			return false
		case <-time.After(10 * time.Millisecond):
		}
	}
	return true
}

// look sets the window's width and the user's taste.
func (c *cdp) look(width, height int, scheme, media string) {
	c.t.Helper()
	c.call("Emulation.setDeviceMetricsOverride", map[string]any{
		"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500,
	}, nil)
	c.call("Emulation.setEmulatedMedia", map[string]any{"media": media, "features": []map[string]string{
		{"name": "prefers-color-scheme", "value": scheme}, {"name": "prefers-reduced-motion", "value": "reduce"},
	}}, nil)
}

// picture takes a screenshot of what is in the window, or of the whole page.
func (c *cdp) picture(whole bool) []byte {
	c.t.Helper()
	params := map[string]any{"format": "png", "captureBeyondViewport": whole}
	if whole {
		height := min(c.number("document.documentElement.scrollHeight"), 6000)
		params["clip"] = map[string]any{"x": 0, "y": 0, "width": c.number("innerWidth"), "height": height, "scale": 1}
	}
	var shot struct{ Data []byte }
	c.call("Page.captureScreenshot", params, &shot)
	return shot.Data
}

// press presses and lets go of a key.
func (c *cdp) press(key string, code int) {
	c.t.Helper()
	for _, kind := range []string{"keyDown", "keyUp"} {
		params := map[string]any{"type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code}
		if key == "Enter" && kind == "keyDown" {
			params["text"] = "\r"
		}
		c.call("Input.dispatchKeyEvent", params, nil)
	}
}

// click clicks on the middle of an element.
func (c *cdp) click(selector string) {
	c.t.Helper()
	var at struct{ X, Y float64 }
	c.eval(fmt.Sprintf(`(() => { const e = document.querySelector(%q); e.scrollIntoView({block: "center"});
		const r = e.getBoundingClientRect(); return {x: r.x + r.width / 2, y: r.y + r.height / 2}; })()`, selector), &at)
	for _, kind := range []string{"mousePressed", "mouseReleased"} {
		c.call("Input.dispatchMouseEvent", map[string]any{"type": kind, "x": at.X, "y": at.Y, "button": "left", "clickCount": 1}, nil)
	}
}
