package image

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path"
	"strings"
)

// tags computes the names of images from what they are made of.
type tags struct {
	files  []file
	debian string // identity of the image that base starts from
	stamp  string // of the last --refresh
}

// name is the image of a target. Its tag is the digest of all that the target depends on
// and of nothing else: a case changes no image, and a server changes one.
func (t tags) name(target Target) string {
	return target.repository() + ":" + t.digest(target)[:12]
}

func (t tags) digest(target Target) string {
	sum := sha256.New()
	say := func(what, value string) { _, _ = fmt.Fprintf(sum, "%s %q\n", what, value) } // a hash takes everything
	say("target", target.String())
	say("from", string(target.From))
	say("debian", t.debian)
	say("refresh", t.stamp)
	say("time of files", when.String())
	for _, f := range t.files {
		if target.uses(f.path, t.models()) {
			say(fmt.Sprintf("%s %o", f.path, f.mode), "")
			_, _ = sum.Write(digest(f.data)) // a hash takes everything
		}
	}
	return hex.EncodeToString(sum.Sum(nil))
}

func digest(data []byte) []byte {
	sum := sha256.Sum256(data)
	return sum[:]
}

// uses tells whether a target depends on a file of the context. Models are the folders of
// servers that are written in Go.
func (t Target) uses(file string, models map[string]bool) bool {
	switch {
	case file == "Dockerfile":
		return true
	case t.needsGo() && (file == suites || isSource(file, models)):
		return true
	case t.Kind == Toolchain:
		return file == suites
	case t.Kind == Server && within("servers/"+t.Name, file):
		return true
	case t.Kind == App && within("apps/"+t.Name, file):
		return true
	}
	return t.Kind != build && within("ci/image", file)
}

// suites is the one script that the toolchain uses.
const suites = "ci/image/suites.py"

// needsGo tells whether the target holds what the Go build has made.
func (t Target) needsGo() bool {
	return t.Kind == build || t.From == Ours
}

// isSource tells what the Dockerfile's stage `sources` lets through.
func isSource(file string, models map[string]bool) bool {
	if file == "go.mod" {
		return true
	}
	folder, below := strings.CutPrefix(file, "servers/")
	folder, _, deep := strings.Cut(folder, "/")
	if !below || !deep || folder != "internal" && !models[folder] {
		return false
	}
	return path.Base(file) != "server.yaml" && path.Ext(file) != ".md"
}

// models are the folders of servers/ that hold a Go main package.
func (t tags) models() map[string]bool {
	out := map[string]bool{}
	for _, f := range t.files {
		dir, name := path.Split(f.path)
		if name == "main.go" && path.Dir(path.Clean(dir)) == "servers" {
			out[path.Base(dir)] = true
		}
	}
	return out
}

func within(folder, file string) bool { return strings.HasPrefix(file, folder+"/") }
