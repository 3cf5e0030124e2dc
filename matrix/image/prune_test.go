package image

import (
	"slices"
	"testing"
	"time"
)

func TestSurplus(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	old := func(repository, tag string, age time.Duration) tagged {
		return tagged{repositories + repository, tag, now.Add(-age)}
	}
	found := []tagged{ // the newest first
		old("app-flask", "5", time.Minute),
		old("app-flask", "4", 10*time.Minute),
		old("app-flask", "3", 30*time.Minute), // surplus, but young
		old("app-gone", "1", 2*time.Hour),     // another checkout may have it
		old("app-flask", "2", 3*time.Hour),
		old("toolchain", "1", 30*24*time.Hour),
		old("base", "3", 40*24*time.Hour),
		old("base", "2", 50*24*time.Hour),
		old("base", "current", 60*24*time.Hour),
		old("server-gone", "1", 60*24*time.Hour),
		old("base", "1", 70*24*time.Hour),
	}
	var got []string
	for _, s := range surplus(found, []Target{{Kind: App, Name: "flask"}}, now) {
		got = append(got, s.name())
	}
	want := []string{repositories + "app-flask:2", repositories + "server-gone:1", repositories + "base:1"}
	if !slices.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}
