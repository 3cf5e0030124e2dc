// Package finding owns the files under docs/findings: what one says, whether the known divergences
// of the servers that others wrote are all written up, and the replay of a finding on a server's
// image. It starts cells through an engine and talks to them through package wire, and judges
// nothing but whether the bytes are those that the file shows.
package finding

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"wsgimatrix/matrix/mistake"
)

// Folder is where the findings stand, seen from the checkout.
const Folder = "docs/findings"

// Finding is one behaviour of one project that breaks a MUST.
type Finding struct {
	File  string // as it was named
	Name  string // PROJECT/NAME
	Title string
	Head
	Files     map[string]string // of its folder: the application, a configuration
	Command   string            // that starts the server there
	Exchanges []Exchange
	text      []byte
}

// Head is the front matter.
type Head struct {
	Project  string              `yaml:"project"`
	Version  string              `yaml:"version"` // of the project, and its Debian package
	Clause   string              `yaml:"clause"`
	Link     string              `yaml:"link"`     // to the clause
	Source   string              `yaml:"source"`   // file and function
	Upstream string              `yaml:"upstream"` // OWNER/REPO#N, several with commas between them; none found; or not looked for
	Server   string              `yaml:"server"`   // whose image it is replayed in
	Cases    map[string][]string `yaml:"cases"`    // by server: APP/CASE, with * and ?
}

// Exchange is what is sent on one connection, and what comes.
type Exchange struct {
	Line                int // of the file, where Sent begins
	Sent, Expected, Got string
	expectedAt, gotAt   span
}

// span is a part of the file's text.
type span struct{ from, to int }

// Load reads every finding under a checkout, by name. It tells of every mistake, not of the first alone.
func Load(root string) (all []*Finding, err error) {
	var mistakes []error
	err = filepath.WalkDir(filepath.Join(root, Folder), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".md" || d.Name() == "README.md" {
			return err
		}
		f, err := Read(path)
		if err != nil {
			mistakes = append(mistakes, err)
			return nil
		}
		all = append(all, f)
		return nil
	})
	if err = errors.Join(append(mistakes, err)...); err != nil {
		return nil, err
	}
	slices.SortFunc(all, func(a, b *Finding) int { return strings.Compare(a.Name, b.Name) })
	return all, nil
}

// Read reads one file.
func Read(file string) (*Finding, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	return parse(file, text)
}

var headed = regexp.MustCompile(`(?s)\A---\n(.*?)\n---\n\n# ([^\n]+)\n`)

func parse(file string, text []byte) (*Finding, error) {
	f := &Finding{File: file, text: text, Files: map[string]string{}}
	f.Name = filepath.Base(filepath.Dir(file)) + "/" + strings.TrimSuffix(filepath.Base(file), ".md")
	m := headed.FindSubmatch(text)
	if m == nil {
		return nil, f.wrong(1, "a finding begins with its front matter between two lines ---, an empty line, and a # title")
	}
	d := yaml.NewDecoder(bytes.NewReader(m[1]))
	d.KnownFields(true)
	if err := d.Decode(&f.Head); err != nil {
		return nil, f.wrong(1, fmt.Sprintf("the front matter: %v", err))
	}
	f.Title = string(m[2])
	if err := f.blocks(); err != nil {
		return nil, err
	}
	return f, f.whole()
}

func (f *Finding) wrong(line int, what string) error {
	return &mistake.At{File: f.File, Line: line, What: what}
}

// upstream is what is known of issues upstream.
var upstream = regexp.MustCompile(`^(` + issue + `(, ` + issue + `)*|none found|not looked for)$`)

const issue = `[\w.-]+/[\w.-]+#\d+`

// whole tells what is missing.
func (f *Finding) whole() error {
	for _, need := range []struct{ key, value string }{
		{"project", f.Project}, {"version", f.Version}, {"clause", f.Clause}, {"link", f.Link}, {"source", f.Source}, {"upstream", f.Upstream}, {"server", f.Server},
	} {
		if need.value == "" {
			return f.wrong(1, "the front matter lacks "+need.key)
		}
	}
	switch {
	case !upstream.MatchString(f.Upstream):
		return f.wrong(1, fmt.Sprintf("upstream is %q: write OWNER/REPO#N, with commas between several, or %q, or %q", f.Upstream, "none found", "not looked for"))
	case len(f.Cases[f.Server]) == 0:
		return f.wrong(1, "cases names none of "+f.Server+", in whose image it is replayed")
	case f.Project != filepath.Base(filepath.Dir(f.File)):
		return f.wrong(1, fmt.Sprintf("the project is %s, but the folder is not", f.Project))
	case f.Files["app.py"] == "":
		return f.wrong(1, "the application is missing: a block that begins with ```python app.py")
	case f.Command == "":
		return f.wrong(1, "the command is missing: a block that begins with ```bash server")
	case len(f.Exchanges) == 0:
		return f.wrong(1, "what is sent is missing: a block that begins with ```bash sent")
	}
	for _, x := range f.Exchanges {
		if x.expectedAt.to == 0 || x.gotAt.to == 0 {
			return f.wrong(x.Line, "behind what is sent stand a block ```text expected and one ```text got, empty ones for `matrix findings --record` to fill")
		}
	}
	return nil
}

var fence = regexp.MustCompile("(?sm)^```(\\w+) (\\S+)\n(.*?)^```$")

// blocks reads the fenced blocks that have a second word.
func (f *Finding) blocks() error {
	for _, m := range fence.FindAllSubmatchIndex(f.text, -1) {
		at := span{m[6], m[7]}
		if err := f.block(string(f.text[m[4]:m[5]]), at); err != nil {
			return err
		}
	}
	return nil
}

func (f *Finding) block(name string, at span) error {
	body := string(f.text[at.from:at.to])
	line := 1 + bytes.Count(f.text[:at.from], []byte("\n"))
	switch name {
	case "server":
		f.Command = strings.TrimSpace(body)
	case "sent":
		f.Exchanges = append(f.Exchanges, Exchange{Line: line, Sent: body})
		if _, err := f.Exchanges[len(f.Exchanges)-1].Bytes(); err != nil {
			return f.wrong(line, err.Error())
		}
	case "expected", "got":
		if len(f.Exchanges) == 0 {
			return f.wrong(line, name+" stands before anything is sent")
		}
		x := &f.Exchanges[len(f.Exchanges)-1]
		if name == "expected" {
			x.Expected, x.expectedAt = body, at
		} else {
			x.Got, x.gotAt = body, at
		}
	default:
		f.Files[name] = body
	}
	return nil
}
