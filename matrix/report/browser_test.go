package report_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"image/png"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"wsgimatrix/matrix/report"
	"wsgimatrix/matrix/results"
)

// The report in a real browser: headless Chromium in a container without any network.

var pictures = flag.String("pictures", "", "keep the pictures of the report in this `folder`")

const (
	buildLimit = 15 * time.Minute // for the browser's image, once
	testLimit  = 3 * time.Minute
)

// docker runs the docker command and returns what it prints.
func docker(ctx context.Context, stdin io.Reader, args ...string) (string, error) {
	var out, complaint bytes.Buffer
	cmd := exec.CommandContext(ctx, "docker", args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, &out, &complaint
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("docker %s: %w\n%s%s", strings.Join(args, " "), err, out.String(), complaint.String())
	}
	return strings.TrimSpace(out.String()), nil
}

// browserImage is the image with the browser. It is built when it is not there, and named by its content.
func browserImage(t *testing.T) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), buildLimit)
	defer cancel()
	file, err := os.ReadFile("testdata/browser/Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	name := fmt.Sprintf("wsgi-matrix/browser:%.6x", sha256.Sum256(file))
	if _, err := docker(ctx, nil, "version"); err != nil {
		t.Fatalf("no container engine answers: `make matrix` sets one up; `go test -short` leaves this test out\n%v", err)
	}
	if _, err := docker(ctx, nil, "image", "inspect", name); err == nil {
		return name
	}
	t.Logf("building %s", name)
	if _, err := docker(ctx, bytes.NewReader(file), "build", "--label", "wsgi-matrix=1", "--tag", name, "-"); err != nil {
		t.Fatalf("cannot build the browser's image (its base, debian:trixie-slim, is pulled or made by `make matrix`)\n%v", err)
	}
	return name
}

// browser starts a browser that has files in /home/browser/pages, by name.
func browser(t *testing.T, pages map[string][]byte) *cdp {
	t.Helper()
	folder := t.TempDir()
	for name, data := range pages {
		if err := os.WriteFile(filepath.Join(folder, name), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	image := browserImage(t)
	ctx, cancel := context.WithTimeout(t.Context(), testLimit)
	id, err := docker(ctx, nil, "create", "--interactive", "--rm", "--label", "wsgi-matrix=1", "--network", "none",
		"--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--memory", "3g", "--shm-size", "256m", image,
		"sh", "-c", `exec 3<&0 4>&1 0</dev/null 1>&2; exec chromium --headless=new --no-sandbox --disable-gpu --hide-scrollbars --remote-debugging-pipe about:blank`)
	t.Cleanup(cancel)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { remove(t, id) })
	if _, err := docker(ctx, nil, "cp", folder, id+":/home/browser/pages"); err != nil {
		t.Fatal(err)
	}
	return steer(ctx, t, id)
}

// remove removes a container, whatever became of it.
func remove(t *testing.T, id string) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if _, err := docker(ctx, nil, "rm", "--force", id); err != nil && !strings.Contains(err.Error(), "No such container") &&
		!strings.Contains(err.Error(), "already in progress") {
		t.Error(err)
	}
}

// steer starts the container of a browser and takes hold of it.
func steer(ctx context.Context, t *testing.T, id string) *cdp {
	t.Helper()
	cmd := exec.CommandContext(ctx, "docker", "start", "--attach", "--interactive", id)
	in, err1 := cmd.StdinPipe()
	out, err2 := cmd.StdoutPipe()
	if err := errors.Join(err1, err2, cmd.Start()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // the container is removed by itself
		_ = cmd.Wait()
	})
	c := newCDP(t, out, in)
	c.attach()
	return c
}

func htmlOf(t *testing.T, run *results.Run) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := report.WriteHTML(&b, run); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// wide is the largest matrix that the page has to bear: 20 servers, 10 apps.
func wide() *results.Run {
	var servers, apps []results.Subject
	for i := range 20 {
		s := sampleServers[i%len(sampleServers)]
		s.Name += fmt.Sprint(i)
		servers = append(servers, s)
	}
	for i := range 10 {
		a := sampleApps[i%len(sampleApps)]
		a.Name += fmt.Sprint(i)
		apps = append(apps, a)
	}
	return green(servers, apps, 6)
}

func TestInABrowser(t *testing.T) {
	if testing.Short() {
		t.Skip("it needs a container engine")
	}
	c := browser(t, map[string][]byte{
		"mixed.html": htmlOf(t, mixed()), "partial.html": htmlOf(t, interrupted()), "green.html": htmlOf(t, green(sampleServers, sampleApps, 41)),
		"wide.html": htmlOf(t, wide()),
	})
	t.Run("asks for nothing", func(t *testing.T) { asksForNothing(c.on(t)) })
	t.Run("fits", func(t *testing.T) { fits(c.on(t)) })
	t.Run("folds", func(t *testing.T) { folds(c.on(t)) })
	t.Run("by keyboard", func(t *testing.T) { byKeyboard(c.on(t)) })
	t.Run("without script", func(t *testing.T) { withoutScript(c.on(t)) })
	t.Run("is not taken over", func(t *testing.T) { notTakenOver(c.on(t)) })
	t.Run("can be read", func(t *testing.T) { canBeRead(c.on(t)) })
	t.Run("looks", func(t *testing.T) { looks(c.on(t)) })
}

// on is the browser on behalf of a part of the test.
func (c *cdp) on(t *testing.T) *cdp {
	c.t = t
	return c
}

func page(name string) string { return "file:///home/browser/pages/" + name + ".html" }

func asksForNothing(c *cdp) {
	c.requests = nil
	c.open(page("mixed"))
	if want := []string{page("mixed")}; !slices.Equal(c.requests, want) {
		c.t.Errorf("it asks for %q, not for %q alone", c.requests, want)
	}
	run := mixed()
	if n := c.number(`document.querySelectorAll("a.square").length`); n != len(run.Cells) {
		c.t.Errorf("%d squares, not %d", n, len(run.Cells))
	}
	if n := c.number(`[...document.querySelectorAll("a.square")].filter(a => document.getElementById(decodeURIComponent(a.hash.slice(1)))?.parentElement.matches("details.cell")).length`); n != len(run.Cells) {
		c.t.Errorf("%d squares lead to their cells, not %d", n, len(run.Cells))
	}
	if n := c.number(`document.querySelectorAll(".where a").length - [...document.querySelectorAll(".where a")].filter(a => document.getElementById(decodeURIComponent(a.hash.slice(1)))).length`); n != 0 {
		c.t.Errorf("%d links to differences lead nowhere", n)
	}
	if n := c.number(`document.querySelectorAll("[id]").length - new Set([...document.querySelectorAll("[id]")].map(e => e.id)).size`); n != 0 {
		c.t.Errorf("%d ids stand twice", n)
	}
}

// fits: nothing is wider than the window, with everything open.
func fits(c *cdp) {
	for name, widths := range map[string][]int{"mixed": {1280, 390, 320}, "partial": {390}, "wide": {1280, 390}} {
		c.open(page(name))
		c.eval(openAll, new(bool))
		for _, width := range widths {
			c.look(width, 900, "light", "screen")
			if got := c.number("document.documentElement.scrollWidth"); got > width {
				var who string
				c.eval(`[...document.querySelectorAll("main *")].filter(e => e.getBoundingClientRect().right > innerWidth + 1 && !e.closest(".scroll")).map(e => e.tagName + "." + e.className).slice(0, 5).join(", ")`, &who)
				c.t.Errorf("%s is %d wide in a window of %d: %s", name, got, width, who)
			}
		}
	}
}

const openAll = `document.querySelectorAll("details").forEach(d => d.open = true), true`

// shown tells whether a reader sees the element now.
func shown(selector string) string {
	return fmt.Sprintf(`(document.querySelector(%q)?.checkVisibility({contentVisibilityAuto: true}) ?? false)`, selector)
}

// folds: what is as expected is folded away; a click on its square, and then on the case, shows it.
func folds(c *cdp) {
	c.look(1280, 900, "light", "screen")
	c.open(page("mixed"))
	cell, known := `details:has(> [id="uwsgi.flask"])`, `details:has(> [id="uwsgi.flask.head-hello"])`
	if c.truth(shown(known)) {
		c.t.Error("a cell that is as expected is open")
	}
	if !c.truth(shown(`[id="waitress.flask.stream"] .columns`)) {
		c.t.Error("a difference is not open")
	}
	c.click(`a.square[href="#uwsgi.flask"]`)
	if !c.becomes(shown(known)) || c.truth(shown(known+" .columns")) {
		c.t.Error("a click on the square does not open the cell, or more than it")
	}
	c.click(known + " > summary")
	if !c.becomes(shown(known + " .columns .came mark, " + known + " .columns .golden mark")) {
		c.t.Error("a click on the case does not show the difference")
	}
	if top := c.number(fmt.Sprintf(`document.querySelector(%q).getBoundingClientRect().top`, cell)); top < -400 || top > 900 {
		c.t.Errorf("the cell is out of sight, at %d", top)
	}
	copies := c.number(`[...document.querySelectorAll(".command button")].length`)
	if commands := c.number(`document.querySelectorAll(".command").length`); copies != commands || copies == 0 {
		c.t.Errorf("%d commands, %d buttons to copy them", commands, copies)
	}
	c.click(`[id="uwsgi.flask"] .command button`)
	if !c.becomes(`document.querySelector("#said").textContent !== ""`) {
		c.t.Error("the button to copy says nothing")
	}
}

// byKeyboard: tab reaches the squares, and enter follows one.
func byKeyboard(c *cdp) {
	c.open(page("mixed"))
	for range 4 {
		c.press("Tab", 9)
	}
	if !c.truth(`document.activeElement.matches("a.square") && getComputedStyle(document.activeElement).outlineStyle !== "none"`) {
		var who string
		c.eval("document.activeElement.outerHTML.slice(0, 120)", &who)
		c.t.Fatalf("after four tabs the focus is not on a square that shows it, but on %s", who)
	}
	c.press("Enter", 13)
	if !c.becomes(`document.querySelector("details.cell:has(> :target)")?.open ?? false`) {
		c.t.Error("enter does not open the cell")
	}
}

func withoutScript(c *cdp) {
	c.call("Emulation.setScriptExecutionDisabled", map[string]any{"value": true}, nil)
	defer c.call("Emulation.setScriptExecutionDisabled", map[string]any{"value": false}, nil)
	c.open(page("mixed"))
	if n := c.number(`document.querySelectorAll("button").length`); n != 0 {
		c.t.Errorf("%d buttons that do nothing", n)
	}
	c.click(`a.square[href="#uwsgi.flask"]`)
	if !c.becomes(shown(`details:has(> [id="uwsgi.flask.head-hello"])`)) {
		c.t.Error("a click on a square does not open its cell")
	}
}

// notTakenOver: nothing that a server sent has become part of the page.
func notTakenOver(c *cdp) {
	c.open(page("mixed"))
	c.eval(openAll, new(bool))
	for expression, want := range map[string]int{
		`document.scripts.length`: 1,
		`document.querySelectorAll("img, iframe, object, embed, form, base, [onerror], [onload], [onclick]").length`: 0,
		`[...document.querySelectorAll("a")].filter(a => !["http:", "https:", "file:"].includes(a.protocol)).length`: 0,
		`[...document.querySelectorAll("a")].filter(a => !a.hash && a.protocol === "file:").length`:                  0,
		`document.pwned ?? 0`: 0,
	} {
		if got := c.number(expression); got != want {
			c.t.Errorf("%s is %d, not %d", expression, got, want)
		}
	}
	if c.truth(`/[\u0000-\u0008\u000b-\u001f\u200b\u202e\u2066\u2028\ufeff]/.test(document.body.textContent)`) {
		c.t.Error("an invisible character of a server's stands in the page as it is")
	}
	if !c.truth(`document.querySelector('[id="gunicorn.flask.session"]').textContent.includes("<script>document.pwned=1</script>")`) {
		c.t.Error("what the server sent cannot be read")
	}
}

// contrasts are the texts whose colours have less than WCAG's 4.5 : 1 against what is behind them.
const contrasts = `(() => {
  const ctx = new OffscreenCanvas(1, 1).getContext("2d", {willReadFrequently: true});
  const paint = colors => { ctx.clearRect(0, 0, 1, 1); for (const c of colors) { ctx.fillStyle = c; ctx.fillRect(0, 0, 1, 1); } return [...ctx.getImageData(0, 0, 1, 1).data].slice(0, 3); };
  const light = rgb => { const [r, g, b] = rgb.map(v => (v /= 255) <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4); return .2126 * r + .7152 * g + .0722 * b; };
  const bad = new Set();
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const e = walk.currentNode.parentElement;
    if (!walk.currentNode.data.trim() || !e.checkVisibility() || e.closest(".off, .skip-link, script, .partial-banner")) continue;
    const grounds = [];
    for (let p = e; p; p = p.parentElement) grounds.unshift(getComputedStyle(p).backgroundColor);
    const ground = light(paint(grounds)), ink = light(paint([...grounds, getComputedStyle(e).color]));
    const ratio = (Math.max(ground, ink) + .05) / (Math.min(ground, ink) + .05);
    if (ratio < 4.5) bad.add((e.className || e.tagName) + " in " + (e.parentElement.className || e.parentElement.tagName) + " " + ratio.toFixed(2));
  }
  return [...bad].join("; ");
})()`

// canBeRead: every text stands out from its ground, in both schemes.
func canBeRead(c *cdp) {
	for _, scheme := range []string{"light", "dark"} {
		c.look(1280, 900, scheme, "screen")
		c.open(page("mixed"))
		c.eval(openAll, new(bool))
		var bad string
		if c.eval(contrasts, &bad); bad != "" {
			c.t.Errorf("%s: too little contrast: %s", scheme, bad)
		}
	}
}

// looks takes the pictures that a person should look at, and holds that they show something.
func looks(c *cdp) {
	shots := []struct {
		page, scheme, media string
		width, height       int
		whole               bool
	}{
		{"mixed", "light", "screen", 1280, 900, true},
		{"mixed", "dark", "screen", 1280, 900, false},
		{"mixed", "light", "screen", 390, 844, true},
		{"mixed", "dark", "screen", 390, 844, false},
		{"mixed", "light", "print", 1000, 1400, false},
		{"green", "light", "screen", 1280, 900, false},
		{"partial", "light", "screen", 1280, 900, false},
		{"wide", "dark", "screen", 1280, 900, false},
		{"wide", "light", "screen", 390, 844, false},
	}
	for _, s := range shots {
		c.look(s.width, s.height, s.scheme, s.media)
		c.open(page(s.page))
		name := fmt.Sprintf("%s-%d-%s-%s-%v.png", s.page, s.width, s.scheme, s.media, s.whole)
		data := c.picture(s.whole)
		if *pictures != "" {
			if err := os.WriteFile(filepath.Join(*pictures, name), data, 0o644); err != nil {
				c.t.Fatal(err)
			}
		}
		if n := colours(c.t, data, s.width); n < 50 {
			c.t.Errorf("%s has %d colours: it is blank", name, n)
		}
	}
}

// colours counts the colours of a picture that is as wide as it should be.
func colours(t *testing.T, data []byte, width int) int {
	t.Helper()
	img, err := png.Decode(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	if got := img.Bounds().Dx(); got != width {
		t.Errorf("the picture is %d wide, not %d", got, width)
	}
	seen := make(map[[3]uint32]bool)
	for y := img.Bounds().Min.Y; y < img.Bounds().Max.Y; y++ {
		for x := img.Bounds().Min.X; x < img.Bounds().Max.X; x++ {
			r, g, b, _ := img.At(x, y).RGBA()
			seen[[3]uint32{r, g, b}] = true
		}
	}
	return len(seen)
}
