package serve

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"strings"
	"time"

	"wsgimatrix/servers/internal/cpython"
)

// Exit codes of the commands.
const (
	ExitOK    = 0
	ExitError = 1 // the server failed: it could not bind, python3 is missing
	ExitUsage = 2
	ExitApp   = 3 // the module or callable could not be loaded
)

// Model is what makes one server differ from the others, as far as its command goes.
type Model struct {
	Name    string
	Summary string // one line of the usage
	Threads bool   // it has --threads
	Workers bool   // it has --workers
	Start   func(*Config, *Python) error
}

// Main is the command: it reads the flags, binds, and starts the model. It returns only with
// an exit code.
func Main(m Model) {
	if cpython.Interpreter != nil {
		os.Exit(cpython.Interpreter())
	}
	os.Exit(run(m, os.Args[1:], os.Stdout, os.Stderr))
}

type options struct {
	bind, chdir, python string
	version             bool
	grace, idle, wait   time.Duration
}

func run(m Model, args []string, stdout, stderr io.Writer) int {
	cfg, opt := &Config{}, &options{}
	flags := newFlags(m, cfg, opt, stderr)
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return ExitOK
		}
		return ExitUsage
	}
	if opt.version {
		fmt.Fprintf(stdout, "%s %s\n", m.Name, Version) //nolint:errcheck // nowhere to say it
		return ExitOK
	}
	if err := checked(m, cfg, opt, flags.Args()); err != nil {
		fmt.Fprintf(stderr, "%s: %v\n", m.Name, err) //nolint:errcheck // nowhere to say it
		flags.Usage()
		return ExitUsage
	}
	if err := start(m, cfg, opt); err != nil {
		fmt.Fprintf(stderr, "%s: %v\n", m.Name, err) //nolint:errcheck // nowhere to say it
		var code *ExitCode
		if errors.As(err, &code) {
			return code.Code
		}
		return ExitError
	}
	return ExitOK
}

// ExitCode is an error that says with which code the command ends.
type ExitCode struct {
	Code int
	Err  error
}

func (e *ExitCode) Error() string { return e.Err.Error() }
func (e *ExitCode) Unwrap() error { return e.Err }

func newFlags(m Model, cfg *Config, opt *options, stderr io.Writer) *flag.FlagSet {
	flags := flag.NewFlagSet(m.Name, flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() {
		fmt.Fprintf(stderr, "usage: %s [flags] module:callable\n\n%s\n\n", m.Name, m.Summary) //nolint:errcheck // nowhere to say it
		flags.PrintDefaults()
	}
	flags.StringVar(&opt.bind, "bind", "127.0.0.1:8000", "where to listen: `host:port`, or unix:PATH")
	flags.StringVar(&opt.chdir, "chdir", "", "the `folder` to run in; it is where modules are found first")
	flags.StringVar(&opt.python, "python", "python3", "the interpreter: that of the application's environment")
	flags.StringVar(&cfg.ScriptName, "mount", "", "the `path` below which the application lives (SCRIPT_NAME)")
	flags.BoolVar(&cfg.Trace, "trace", false, "print each request's head with <, each response's with >, and why a request is refused with !")
	flags.BoolVar(&opt.version, "version", false, "print the version")
	flags.DurationVar(&opt.grace, "graceful-timeout", 30*time.Second, "how long the responses under way may take after SIGTERM")
	flags.DurationVar(&opt.idle, "keep-alive", 65*time.Second, "how long a connection may stay idle between requests")
	flags.DurationVar(&opt.wait, "timeout", 30*time.Second, "how long a client may take for a request's head, or between two pieces of a body")
	flags.Int64Var(&cfg.MaxBody, "max-body", 1<<30, "the largest request body, in `bytes`; more is refused with 413")
	if m.Threads {
		flags.IntVar(&cfg.Threads, "threads", 8, "how many requests the application serves at once")
	}
	if m.Workers {
		flags.IntVar(&cfg.Workers, "workers", runtime.NumCPU(), "how many processes serve")
	}
	return flags
}

func checked(m Model, cfg *Config, opt *options, args []string) error {
	switch {
	case len(args) == 0:
		return errors.New("which application? give module:callable")
	case len(args) > 1:
		return fmt.Errorf("one application, not %d: flags go before module:callable", len(args))
	case m.Threads && cfg.Threads < 1:
		return errors.New("--threads must be at least 1")
	case m.Workers && cfg.Workers < 1:
		return errors.New("--workers must be at least 1")
	case cfg.ScriptName != "" && (cfg.ScriptName[0] != '/' || cfg.ScriptName[len(cfg.ScriptName)-1] == '/'):
		return errors.New("--mount must begin with / and not end with it")
	case !strings.HasPrefix(opt.bind, "unix:") && !hasPort(opt.bind) || opt.bind == "unix:":
		return fmt.Errorf("--bind %q is neither host:port nor unix:PATH", opt.bind)
	case opt.grace <= 0 || opt.idle <= 0 || opt.wait <= 0 || cfg.MaxBody <= 0:
		return errors.New("times and sizes must be above zero")
	}
	cfg.App = args[0]
	cfg.Grace, cfg.Idle, cfg.Patience = Seconds(opt.grace.Seconds()), Seconds(opt.idle.Seconds()), Seconds(opt.wait.Seconds())
	return cfg.complete(&m)
}

func hasPort(address string) bool {
	_, _, err := net.SplitHostPort(address)
	return err == nil
}

func start(m Model, cfg *Config, opt *options) error {
	if opt.chdir != "" {
		if err := os.Chdir(opt.chdir); err != nil {
			return err
		}
	}
	python, err := findPython(m.Name, opt.python, cfg)
	if err != nil {
		return err
	}
	if err := bind(opt.bind, cfg); err != nil {
		return err
	}
	return m.Start(cfg, python)
}
