//go:build linux && toolchain

package process

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"wsgimatrix/matrix/engine"
)

// limit is how long anything that is awaited may take, builds apart.
const limit = 30 * time.Second

// root is the checkout. The test runs there: it is built elsewhere, where there is no compiler.
func root(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for ; dir != "/"; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "matrix.yaml")); err == nil {
			return dir
		}
	}
	t.Fatal("this is no checkout")
	return ""
}

// start builds eventloop and starts it with the hand-written app.
func start(t *testing.T, opts Options, env map[string]string) engine.Instance {
	t.Helper()
	opts.Root, opts.Python = root(t), "python3"
	if opts.Socket == "" {
		opts.Socket = TCP
	}
	e, err := New(opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), limit)
		defer cancel()
		if err := e.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	made, err := e.Make(t.Context(), []string{"eventloop"})
	if err != nil {
		t.Fatal(err)
	}
	cell, err := e.Start(t.Context(), engine.Spec{
		Server: "eventloop", App: "bare", Image: made["eventloop"], AppImage: filepath.Join(opts.Root, "apps", "bare"), Callable: "app:app", Env: env,
		Own: []string{"eventloop", "--bind", "0.0.0.0:8000", "app:app"},
	})
	if err != nil {
		t.Fatal(err)
	}
	return cell
}

func end(t *testing.T, cell engine.Instance) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	if err := cell.Remove(ctx); err != nil {
		t.Fatal(err)
	}
	return cell.(engine.Watched).Faults()
}

func awaitEnd(t *testing.T, cell engine.Instance) {
	t.Helper()
	select {
	case <-cell.(*instance).ended:
	case <-time.After(limit):
		log, _ := cell.Log(t.Context())
		t.Fatalf("it goes on:\n%s", log)
	}
}

// TestSanitizersSee makes the fault that each sanitizer is there for. Without it a sanitizer that
// sees nothing would look like a server without faults.
func TestSanitizersSee(t *testing.T) {
	for _, tt := range []struct {
		build       Build
		fault, says string
	}{
		{ASan, "overrun", "heap-buffer-overflow"},
		{CgoCheck, "pointer", "unpinned Go pointer stored into non-Go memory"},
		{Race, "race", "DATA RACE"},
	} {
		t.Run(string(tt.build), func(t *testing.T) {
			t.Parallel()
			cell := start(t, Options{Build: tt.build, tags: "fault"}, map[string]string{"WSGI_FAULT": tt.fault})
			awaitEnd(t, cell)
			log, _ := cell.Log(t.Context())
			if err := end(t, cell); err == nil || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("%v, want one that says %q; the log:\n%s", err, tt.says, log)
			}
		})
	}
}

// TestPlainSeesNothing holds that it is the sanitizers that see: the same overrun goes unnoticed.
func TestPlainSeesNothing(t *testing.T) {
	cell := start(t, Options{Build: Plain, tags: "fault"}, map[string]string{"WSGI_FAULT": "overrun"})
	awaitListening(t, cell)
	if err := end(t, cell); err != nil {
		t.Error(err)
	}
}

func dial(addr string) (net.Conn, error) {
	if path, ok := strings.CutPrefix(addr, unixPrefix); ok {
		return net.Dial("unix", path)
	}
	return net.Dial("tcp", addr)
}

func awaitListening(t *testing.T, cell engine.Instance) {
	t.Helper()
	for deadline := time.Now().Add(limit); ; time.Sleep(10 * time.Millisecond) { // nothing tells when a server listens
		state, err := cell.State(t.Context())
		if log, _ := cell.Log(t.Context()); err != nil || !state.Running || time.Now().After(deadline) {
			t.Fatalf("%+v, %v\n%s", state, err, log)
		}
		if conn, err := dial(cell.Addr()); err == nil {
			if err := conn.Close(); err != nil {
				t.Fatal(err)
			}
			return
		}
	}
}

// TestRemoveLeavesNothing ends a cell, and looks for its process, its children and its folder.
func TestRemoveLeavesNothing(t *testing.T) {
	for _, socket := range []string{TCP, Unix} {
		t.Run(socket, func(t *testing.T) {
			cell := start(t, Options{Build: Plain, Socket: socket}, nil)
			awaitListening(t, cell)
			if err := end(t, cell); err != nil {
				t.Error(err)
			}
			if _, err := dial(cell.Addr()); err == nil {
				t.Errorf("%s still listens", cell.Addr())
			}
			if _, err := os.Stat(cell.(*instance).dir); !os.IsNotExist(err) {
				t.Errorf("its folder: %v", err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), limit)
			defer cancel()
			if err := cell.Remove(ctx); err != nil {
				t.Errorf("once more: %v", err)
			}
		})
	}
}
