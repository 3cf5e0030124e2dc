package serve

import (
	"fmt"
	"io"
	"log"
	"os"
	"strings"
	"syscall"
	"time"

	"wsgimatrix/servers/internal/conn"
	"wsgimatrix/servers/internal/environ"
	"wsgimatrix/servers/internal/http1"
	"wsgimatrix/servers/internal/loop"
)

// Version is the servers' own.
const Version = "0.1.0"

// Config is what the command hands to the shared object, as JSON, through the bootstrap.
type Config struct {
	Model   string `json:"model"`
	App     string `json:"app"`     // module:callable
	Library string `json:"library"` // the shared object

	ListenFD   int    `json:"listen_fd"`
	Unix       bool   `json:"unix"`
	ServerName string `json:"server_name"`
	ServerPort string `json:"server_port"`
	ScriptName string `json:"script_name"`

	Threads int  `json:"threads"`
	Workers int  `json:"workers"`
	Trace   bool `json:"trace"`

	Multithread  bool `json:"multithread"`
	Multiprocess bool `json:"multiprocess"`

	Grace    Seconds `json:"grace"`
	Idle     Seconds `json:"idle"`
	Patience Seconds `json:"patience"`
	MaxBody  int64   `json:"max_body"`

	Keys      []string `json:"keys"` // of package environ, for C
	ControlFD int      `json:"control_fd"`
	AliveFD   int      `json:"alive_fd"`
}

// Seconds is a duration that JSON carries as a number.
type Seconds float64

// Duration is the same as Go's.
func (s Seconds) Duration() time.Duration { return time.Duration(float64(s) * float64(time.Second)) }

// Listener is the socket that the command bound. Handing it down may have made it block.
func (c *Config) Listener() (*loop.Listener, error) {
	err := os.NewSyscallError("fcntl", syscall.SetNonblock(c.ListenFD, true))
	return &loop.Listener{FD: c.ListenFD, Unix: c.Unix}, err
}

// Software is what the server calls itself.
func (c *Config) Software() string { return c.Model + "/" + Version }

// Conn is what its connections need to know.
func (c *Config) Conn() *conn.Config {
	logger := log.New(os.Stderr, c.Model+": ", 0)
	var trace io.Writer
	if c.Trace {
		trace = os.Stderr
	}
	return &conn.Config{
		HTTP:       http1.DefaultLimits,
		MaxBody:    c.MaxBody,
		Server:     "Server: " + c.Software() + "\r\n",
		ScriptName: c.ScriptName,
		Idle:       c.Idle.Duration(),
		Head:       c.Patience.Duration(),
		Body:       c.Patience.Duration(),
		Send:       c.Patience.Duration(),
		Trace:      trace,
		Logf:       logger.Printf,
	}
}

// complete fills in what follows from the rest.
func (c *Config) complete(m *Model) error {
	module, callable, ok := strings.Cut(c.App, ":")
	if !ok || module == "" || callable == "" {
		return fmt.Errorf("%q is not module:callable", c.App)
	}
	c.Model = m.Name
	c.Keys = environ.Keys
	c.Multithread = m.Threads && c.Threads > 1
	c.Multiprocess = m.Workers && c.Workers > 1
	return nil
}
