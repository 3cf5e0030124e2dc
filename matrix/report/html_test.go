package report_test

import (
	"bytes"
	"errors"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"wsgimatrix/matrix/capability"
	"wsgimatrix/matrix/report"
	"wsgimatrix/matrix/results"
)

func TestGreenPageIsLight(t *testing.T) {
	page := htmlOf(t, green(sampleServers, sampleApps, 45))
	t.Logf("%d bytes", len(page))
	if most := 2 << 20; len(page) > most {
		t.Errorf("40 cells with 45 cases each make %d bytes, more than %d", len(page), most)
	}
}

func TestLargeBodiesAreCut(t *testing.T) {
	run := mixed()
	page := string(htmlOf(t, run))
	for _, said := range []string{
		"bytes are not shown here: results.json has the whole.", "More came than the run kept.",
	} {
		if !strings.Contains(page, said) {
			t.Errorf("it does not say %q", said)
		}
	}
	whole := 0
	for _, x := range find(run, "wsgiref", "django").Cases[8].Exchanges {
		whole += len(x.Received) + len(x.Golden[1]) + len(x.Shown)
	}
	if len(page) > 2<<20 || whole < 600<<10 {
		t.Errorf("a page of %d bytes, of bodies of %d", len(page), whole)
	}
}

// tags are the elements that the page is made of. The browser's test looks at them in a browser.
var tags = regexp.MustCompile(`<(/?)([A-Za-z!][^\s>/]*)`)

func TestHTMLIsNotTakenOver(t *testing.T) {
	pages := map[string]string{"hostile": string(htmlOf(t, mixed())), "every byte": string(htmlOf(t, everyByte()))}
	pages["capabilities"] = capabilitiesOf(t, contracted()) + "<script></script>" // it has none
	for name, page := range pages {
		if !utf8.ValidString(page) {
			t.Errorf("%s: it is not UTF-8", name)
		}
		if n := strings.Count(page, "<script"); n != 1 {
			t.Errorf("%s: %d scripts, not 1", name, n)
		}
		for _, m := range tags.FindAllStringSubmatch(page, -1) {
			if !strings.Contains(" !doctype html head meta title style body svg symbol path use rect a div strong span main header p h1 h2 h3 h4 h5 dl dt dd "+
				"section table colgroup col thead tbody tr td th ul li b code details summary article pre mark i footer script ", " "+m[2]+" ") {
				t.Errorf("%s: <%s%s> has become part of the page", name, m[1], m[2])
			}
		}
		for _, m := range regexp.MustCompile(`href="([^"]*)"`).FindAllStringSubmatch(page, -1) {
			if !strings.HasPrefix(m[1], "#") && !strings.HasPrefix(m[1], "https://") && !strings.HasPrefix(m[1], "http://") {
				t.Errorf("%s: a link to %q", name, m[1])
			}
		}
		if i := strings.IndexFunc(page, func(r rune) bool {
			return r < ' ' && r != '\n' || strings.ContainsRune("\u007f\u0085\u00ad\u200b\u202e\u2066\u2028\ufeff\ufffe", r)
		}); i >= 0 {
			t.Errorf("%s: an invisible character at byte %d: %q", name, i, page[max(0, i-20):min(len(page), i+20)])
		}
	}
}

func capabilitiesOf(t *testing.T, run *results.Run) string {
	t.Helper()
	var b bytes.Buffer
	if err := report.WriteCapabilities(&b, run, capability.Make(run)); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestEveryAnswerLeadsToItsEvidence follows the links of the table of capabilities.
func TestEveryAnswerLeadsToItsEvidence(t *testing.T) {
	page := capabilitiesOf(t, contracted())
	links := regexp.MustCompile(`class="answer [a-z]+" href="#([^"]+)"`).FindAllStringSubmatch(page, -1)
	if want := 4 * len(sampleServers); len(links) != want {
		t.Errorf("%d answers, want %d", len(links), want)
	}
	for _, m := range links {
		if !strings.Contains(page, `id="`+m[1]+`"`) {
			t.Errorf("nothing here is %s", m[1])
		}
	}
}

// full is a writer with no room.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space left on device") }

func TestWritersTellOfAFullDisk(t *testing.T) {
	for kind, write := range map[string]func() error{
		"badge":    func() error { return report.WriteBadge(full{}, mixed()) },
		"HTML":     func() error { return report.WriteHTML(full{}, mixed()) },
		"JUnit":    func() error { return report.WriteJUnit(full{}, mixed()) },
		"Markdown": func() error { return report.WriteMarkdown(full{}, mixed()) },
		"capabilities": func() error {
			run := contracted()
			return report.WriteCapabilities(full{}, run, capability.Make(run))
		},
	} {
		if err := write(); err == nil || !strings.Contains(err.Error(), kind) || !strings.Contains(err.Error(), "no space left") {
			t.Errorf("%s: error %v", kind, err)
		}
	}
}

// TestReportsOfWhatWasRead makes the report from a results.json, as whoever has only that does.
func TestReportsOfWhatWasRead(t *testing.T) {
	run := mixed()
	differ(find(run, "gunicorn", "flask"), "session", results.Fail, sessionDiffers()) // a case file's text is UTF-8
	var file bytes.Buffer
	if err := results.Write(&file, run); err != nil {
		t.Fatal(err)
	}
	read, err := results.Read(&file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(htmlOf(t, read), htmlOf(t, run)) {
		t.Error("the HTML report of a run that was written and read again is another one")
	}
}
