package report

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"

	"wsgimatrix/matrix/results"
)

//go:embed templates
var files embed.FS

// html holds the page; html/template escapes everything that it is given, for where it stands.
var html = template.Must(template.ParseFS(files, "templates/*.html"))

// inline are the page's style and script. They are the only ones that a browser takes from it:
// the policy names them by their digests.
var inline = struct {
	Style  template.CSS
	Script template.JS
	Policy string
}{
	Style:  template.CSS(file("style.css")),
	Script: template.JS(file("script.js")),
	Policy: "default-src 'none'; base-uri 'none'; form-action 'none'; " +
		"style-src " + digest(file("style.css")) + "; script-src " + digest(file("script.js")),
}

func file(name string) string {
	text, err := files.ReadFile("templates/" + name)
	if err != nil {
		panic(err) // it is embedded above
	}
	return string(text)
}

// digest names an inline text in a Content-Security-Policy.
func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

// WriteHTML writes the report: one file that needs no other, and no script to be read.
func WriteHTML(w io.Writer, run *results.Run) error {
	var b bytes.Buffer
	if err := html.ExecuteTemplate(&b, "page.html", newPage(run)); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	return writeAll(w, "HTML report", b.String())
}
