package mistake

import "testing"

func TestNearest(t *testing.T) {
	known := []string{"eventloop", "gunicorn", "gunicorn-gthread", "uwsgi"}
	for word, want := range map[string]string{
		"gunicron": `did you mean "gunicorn"?`,
		"uswgi":    `did you mean "uwsgi"?`,
		"evntloop": `did you mean "eventloop"?`,
		"apache":   "there is eventloop, gunicorn, gunicorn-gthread, uwsgi",
	} {
		if got := Nearest(word, known); got != want {
			t.Errorf("%q: %q, want %q", word, got, want)
		}
	}
}
