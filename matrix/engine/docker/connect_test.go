package docker

import (
	"context"
	"errors"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func never(t *testing.T) func(string, ...any) {
	return func(format string, args ...any) { t.Errorf("said "+format, args...) }
}

func TestConnectNamesTheMendWhereTheEngineIsNamed(t *testing.T) {
	host := "unix://" + filepath.Join(t.TempDir(), "none.sock")
	t.Setenv("DOCKER_HOST", host)
	_, err := Connect(t.Context(), never(t)) // it must not install another one
	if err == nil || !strings.Contains(err.Error(), "start it, or unset DOCKER_HOST") || !strings.Contains(err.Error(), host) {
		t.Errorf("got %v, want the host and the mend", err)
	}
}

func TestConnectDoesNotWaitForAnEngineThatHangs(t *testing.T) {
	path := filepath.Join(t.TempDir(), "hangs.sock")
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }() // accepts nobody
	t.Setenv("DOCKER_HOST", "unix://"+path)
	start := time.Now()
	if _, err := Connect(t.Context(), never(t)); err == nil {
		t.Error("connected to nobody")
	}
	if took := time.Since(start); took > limits.Ping+5*time.Second {
		t.Errorf("it took %v, the limit is %v", took, limits.Ping)
	}
}

func TestIsDebian(t *testing.T) {
	for _, test := range []struct {
		release string
		want    bool
	}{
		{"PRETTY_NAME=\"Debian GNU/Linux 13 (trixie)\"\nID=debian\n", true},
		{"ID=ubuntu\nID_LIKE=debian\n", true},
		{"ID=linuxmint\nID_LIKE=\"ubuntu debian\"\n", true},
		{"ID=fedora\nHOME_URL=https://debian.example/\n", false},
		{"", false},
	} {
		if got := isDebian(test.release); got != test.want {
			t.Errorf("%q: got %v", test.release, got)
		}
	}
}

func TestFullDiskIsNamed(t *testing.T) {
	cli, err := Find(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	full := errors.New("write /var/lib/docker/tmp/x: no space left on device")
	explained := Explain(t.Context(), cli, full)
	if !errors.Is(explained, full) {
		t.Error("the first error is lost")
	}
	for _, want := range []string{"MiB left", "make clean", "docker system df"} {
		if !strings.Contains(explained.Error(), want) {
			t.Errorf("%v: does not say %q", explained, want)
		}
	}
	other := errors.New("something else")
	if got := Explain(t.Context(), cli, other); got.Error() != other.Error() {
		t.Errorf("an error that is not about the disk is changed: %v", got)
	}
	if got := Explain(t.Context(), cli, nil); got != nil {
		t.Errorf("no error became %v", got)
	}
}

func TestRunTellsWhatACommandPrinted(t *testing.T) {
	err := run(t.Context(), "sh", "-c", "echo why; exit 1")
	if err == nil || !strings.Contains(err.Error(), "why") {
		t.Errorf("got %v, want the output", err)
	}
	if err := run(t.Context(), "true"); err != nil {
		t.Error(err)
	}
}

func TestDaemonThatEndsIsNotAwaited(t *testing.T) {
	t.Setenv("DOCKER_HOST", "unix://"+filepath.Join(t.TempDir(), "none.sock"))
	ended := make(chan error, 1)
	ended <- errors.New("exit status 1")
	ctx, cancel := context.WithTimeout(t.Context(), limits.Daemon/2)
	defer cancel()
	if err := awaitDaemon(ctx, ended); err == nil || !strings.Contains(err.Error(), "exit status 1") {
		t.Errorf("got %v, want how the daemon ended", err)
	}
}
