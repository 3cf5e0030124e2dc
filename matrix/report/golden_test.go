package report_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"
	renderer "github.com/yuin/goldmark/renderer/html"

	"wsgimatrix/matrix/capability"
	"wsgimatrix/matrix/report"
	"wsgimatrix/matrix/results"
)

var update = flag.Bool("update", false, "write the golden files anew")

// writers are the reports that are short enough to be read as golden files.
var writers = map[string]func(io.Writer, *results.Run) error{
	"badge.svg":  report.WriteBadge,
	"junit.xml":  report.WriteJUnit,
	"summary.md": report.WriteMarkdown,
}

func runs() map[string]*results.Run {
	small := green(sampleServers[:2], sampleApps[:2], 3)
	mixed := mixed()
	for i := range mixed.Cells { // the cases that say something, and one more of each cell
		var cases []results.Case
		for k, c := range mixed.Cells[i].Cases {
			if k == 0 || c.Outcome != results.Pass && c.Outcome != results.Skip {
				cases = append(cases, c)
			}
		}
		mixed.Cells[i].Cases = cases
	}
	problem := green(sampleServers[:1], sampleApps[:1], 1)
	problem.Problems = []string{"servers/uwsgi/server.yaml:14: the known divergence */x matches nothing"}
	partial := interrupted()
	for i := range partial.Cells {
		partial.Cells[i].Cases = partial.Cells[i].Cases[:1]
	}
	return map[string]*results.Run{
		"green": small, "mixed": mixed, "problem": problem, "partial": partial, "empty": green(nil, nil, 0),
	}
}

func TestGolden(t *testing.T) {
	for name, run := range runs() {
		for kind, write := range writers {
			t.Run(name+"/"+kind, func(t *testing.T) {
				var b bytes.Buffer
				if err := write(&b, run); err != nil {
					t.Fatal(err)
				}
				holdGolden(t, filepath.Join("testdata", "golden", name+"-"+kind), b.Bytes())
			})
		}
	}
}

func TestGoldenCapabilities(t *testing.T) {
	run := contracted()
	table := capability.Make(run)
	var md, badge bytes.Buffer
	if err := errors.Join(report.WriteCapabilitiesMarkdown(&md, table), report.WriteServerBadge(&badge, table, &table.Servers[7])); err != nil {
		t.Fatal(err)
	}
	holdGolden(t, filepath.Join("testdata", "golden", "capabilities.md"), md.Bytes())
	holdGolden(t, filepath.Join("testdata", "golden", "server-badge.svg"), badge.Bytes())
}

func holdGolden(t *testing.T, file string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v (go test ./matrix/report -run TestGolden -update writes it)", err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs; if the new one is right, run go test ./matrix/report -run TestGolden -update\n%s", file, got)
	}
}

// everyByte is a run whose every text holds every byte there is, and every kind of rune.
func everyByte() *results.Run {
	var b strings.Builder
	for i := range 256 {
		b.WriteByte(byte(i))
	}
	for _, r := range []rune{0xfffe, 0xffff, 0xfffd, 0x10ffff, 0xe000, 0x85, 0x2028, 0x202e, 0xad, 0x1f600} {
		b.WriteRune(r)
	}
	all := b.String() + "]]>" + evil + "\n```\n````\n"
	known := results.Divergence{Case: all, Reason: all, Clause: all, Link: all, Until: all}
	run := &results.Run{
		ID: all, Started: started, Finished: started, Partial: all, Command: []string{all}, Outcome: results.Error, Problems: []string{all},
		Engine:  results.Engine{Name: all, Version: all, OS: all},
		Servers: []results.Subject{{Name: all, Title: all, Model: all, Version: all, Python: all, Image: all, Known: []results.Divergence{known}}},
		Apps:    []results.Subject{{Name: all, Title: all, Version: all, Python: all, Image: all}},
	}
	cell := results.Cell{Server: all, App: all, Outcome: results.Error, Reason: all, Log: results.Bytes(all), Repro: all}
	for o := results.Skip; o <= results.Error; o++ {
		cell.Cases = append(cell.Cases, results.Case{
			Name: all, Title: all, Level: all, Clauses: []string{all}, Link: all, File: all, Outcome: o, Reason: all, Known: &known, Repro: all,
			Exchanges: []results.Exchange{{Connection: all, Sent: all, Golden: []string{all, all}, Received: results.Bytes(all), Shown: all,
				Differences: []string{all}, Diff: "--- golden\n+++ received\n@@ -1 +1 @@\n-" + all + "\n+" + all}},
		})
	}
	run.Cells = []results.Cell{cell}
	return run
}

// xmlChar is what XML 1.0 allows a document to hold (§2.2).
func xmlChar(r rune) bool {
	return r == '\t' || r == '\n' || r == '\r' || r >= 0x20 && r <= 0xd7ff || r >= 0xe000 && r <= 0xfffd || r >= 0x10000 && r <= 0x10ffff
}

func TestXMLHoldsAnyBytes(t *testing.T) {
	for _, kind := range []string{"badge.svg", "junit.xml"} {
		var b bytes.Buffer
		if err := writers[kind](&b, everyByte()); err != nil {
			t.Fatal(err)
		}
		if !utf8.Valid(b.Bytes()) {
			t.Errorf("%s is not UTF-8", kind)
		}
		for i, r := range b.String() {
			if !xmlChar(r) {
				t.Errorf("%s: %U at byte %d is not allowed in XML", kind, r, i)
			}
		}
		dec := xml.NewDecoder(&b)
		for {
			if _, err := dec.Token(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatalf("%s: %v", kind, err)
			}
		}
	}
}

func TestJUnitCounts(t *testing.T) {
	var b bytes.Buffer
	run := mixed()
	if err := report.WriteJUnit(&b, run); err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Tests    int `xml:"tests,attr"`
		Failures int `xml:"failures,attr"`
		Errors   int `xml:"errors,attr"`
		Skipped  int `xml:"skipped,attr"`
		Suites   []struct {
			Cases []struct {
				Failure *struct{} `xml:"failure"`
				Error   *struct{} `xml:"error"`
				Skipped *struct{} `xml:"skipped"`
			} `xml:"testcase"`
		} `xml:"testsuite"`
	}
	if err := xml.Unmarshal(b.Bytes(), &doc); err != nil {
		t.Fatal(err)
	}
	var tests, failures, broken, skipped int
	for _, s := range doc.Suites {
		for _, c := range s.Cases {
			tests++
			failures += count(c.Failure)
			broken += count(c.Error)
			skipped += count(c.Skipped)
		}
	}
	if got, want := [4]int{doc.Tests, doc.Failures, doc.Errors, doc.Skipped}, [4]int{tests, failures, broken, skipped}; got != want {
		t.Errorf("the attributes say %v, the elements %v", got, want)
	}
	// 38 cells that ran and one that did not, of 41 cases each; one that died; and a problem.
	if got, want := [4]int{tests, failures, broken, skipped}, [4]int{39*41 + 1 + 1, 6 + 1, 1, 8 + 41}; got != want {
		t.Errorf("tests, failures, errors, skipped: %v, not %v", got, want)
	}
}

func count(there *struct{}) int {
	if there == nil {
		return 0
	}
	return 1
}

func TestBadgeIsAsWideAsItsText(t *testing.T) {
	var b bytes.Buffer
	if err := report.WriteBadge(&b, mixed()); err != nil {
		t.Fatal(err)
	}
	number := func(pattern string) []int {
		var all []int
		for _, m := range regexp.MustCompile(pattern).FindAllStringSubmatch(b.String(), -1) {
			n, err := strconv.Atoi(m[1])
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, n)
		}
		return all
	}
	width, lengths := number(`<svg [^>]*width="([0-9]+)"`), number(`textLength="([0-9]+)"`)
	if len(width) != 1 || len(lengths) != 2 || width[0] != lengths[0]+lengths[1]+4*6 {
		t.Errorf("width %v, texts %v: there have to be 6 pixels on each side of each\n%s", width, lengths, b.String())
	}
}

// TestMarkdownIsNotTakenOver reads the summary as a Markdown reader does that lets HTML through.
func TestMarkdownIsNotTakenOver(t *testing.T) {
	for name, run := range map[string]*results.Run{"hostile": mixed(), "every byte": everyByte()} {
		var text, page bytes.Buffer
		if err := report.WriteMarkdown(&text, run); err != nil {
			t.Fatal(err)
		}
		md := goldmark.New(goldmark.WithExtensions(extension.GFM), goldmark.WithRendererOptions(renderer.WithUnsafe()))
		if err := md.Convert(text.Bytes(), &page); err != nil {
			t.Fatal(err)
		}
		for _, tag := range regexp.MustCompile(`<[A-Za-z!?/][^>]*>`).FindAllString(page.String(), -1) {
			if !markdownTag.MatchString(tag) {
				t.Errorf("%s: %q has become part of the page", name, tag)
			}
		}
		if strings.Contains(page.String(), "<pre>") && !strings.Contains(page.String(), "&lt;script&gt;document.pwned=1") {
			t.Errorf("%s: what the server sent cannot be read", name)
		}
	}
}

// markdownTag is what a summary is made of.
var markdownTag = regexp.MustCompile(`^</?(h2|h3|p|ul|li|strong|em|code|pre|br ?/?|details|summary|blockquote|table|thead|tbody|tr)>$|` +
	`^</?t[hd]( style="text-align:center")?>$|^<code class="language-diff">$`)
