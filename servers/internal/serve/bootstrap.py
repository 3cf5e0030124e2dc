"""Run by python3 in place of a program: imports the application, then lets the server in.

The server is a shared object: Go without an interpreter of its own. It is loaded after the
application, so prefork can fork before there is any Go in the process.
"""

import atexit
import contextvars
import ctypes
import gc
import importlib
import io
import json
import os
import signal
import sys
import threading
import traceback
import wsgiref.util

EXIT_APP = 3


def load(spec):
    """The callable that module:callable names, or the end with Python's traceback."""
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    module, _, path = spec.partition(":")
    try:
        found = importlib.import_module(module)
        for name in path.split("."):
            found = getattr(found, name)
        if not callable(found):
            raise TypeError(f"{spec} is not callable: {found!r}")
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(EXIT_APP)
    return found


def report(exception):
    """Logs what the application raised."""
    try:
        traceback.print_exception(exception, file=sys.stderr)
        sys.stderr.flush()
    except Exception:  # a log that cannot be written must not end a worker
        pass


def open_body(fd):
    return io.BufferedReader(io.FileIO(fd, "rb"), 65536)


class FileWrapper(wsgiref.util.FileWrapper):
    """wsgi.file_wrapper (PEP 3333). The block size that an application suggests is made for
    servers that pay more for each block."""

    def __init__(self, filelike, blksize=0):
        super().__init__(filelike, max(blksize, 65536))


def environ(config):
    """What is the same in every request's environ (PEP 3333)."""
    return {
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": config["multithread"],
        "wsgi.multiprocess": config["multiprocess"],
        "wsgi.run_once": False,
        "wsgi.input_terminated": True,
        "wsgi.file_wrapper": FileWrapper,
        "SERVER_NAME": config["server_name"],
        "SERVER_PORT": config["server_port"],
        "SERVER_SOFTWARE": config["model"],
        "SCRIPT_NAME": config["script_name"],
    }


def serve(application, config):
    """Loads the shared object and serves on this thread; returns the exit code."""
    library = ctypes.PyDLL(config["library"])
    library.wsgi_serve.argtypes = [ctypes.py_object, ctypes.c_char_p]
    library.wsgi_thread.argtypes = [ctypes.c_int]
    library.wsgi_thread.restype = None

    def start_thread(index):
        threading.Thread(target=library.wsgi_thread, args=(index,), name=f"wsgi-{index}", daemon=True).start()

    helpers = {
        "application": application,
        "keys": tuple(config["keys"]),
        "environ": environ(config),
        "report": report,
        "BytesIO": io.BytesIO,
        "open_body": open_body,
        "copy_context": contextvars.copy_context,
        "start_thread": start_thread,
    }
    gc.collect()
    gc.freeze()  # what was imported lives as long as the process: never look at it again
    return library.wsgi_serve(helpers, json.dumps(config).encode())


def leave(code):
    """Ends the process as Python does, but without taking the interpreter apart: threads that
    are inside the server would not survive that."""
    threading._shutdown()
    atexit._run_exitfuncs()
    for stream in sys.stdout, sys.stderr:
        try:
            stream.flush()
        except Exception:  # nobody reads it any more
            pass
    os._exit(code)


class Forks:
    """A process that is forked, a worker or a child of the application's own, ends on SIGTERM as
    any other does: what handles it in its parent does nothing there. A signal that comes
    before that is settled waits."""

    signals = {signal.SIGTERM, signal.SIGINT}
    mask = threading.local()

    @classmethod
    def before(cls):
        cls.mask.before = signal.pthread_sigmask(signal.SIG_BLOCK, cls.signals)

    @classmethod
    def after(cls):
        signal.pthread_sigmask(signal.SIG_SETMASK, cls.mask.before)

    @classmethod
    def in_child(cls):
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        cls.after()


def main():
    config = json.loads(sys.argv[1])
    for name in "listen_fd", "control_fd", "alive_fd":
        if config[name] > 0:
            os.set_inheritable(config[name], False)  # not for what the application starts
    sys.argv = [config["model"]]
    application = load(config["app"])
    os.register_at_fork(before=Forks.before, after_in_parent=Forks.after, after_in_child=Forks.in_child)
    if config["model"] == "prefork":
        Zygote(application, config).run()
    else:
        leave(serve(application, config))


class Zygote:
    """A process that has imported the application and holds no Go and no threads: it forks
    workers on the master's word. Lines from the master: `fork`; `close` (the listener: no more
    forks will follow). Lines to it: `ready`, `forked PID`, `exited PID STATUS`."""

    def __init__(self, application, config):
        self.application = application
        self.config = config
        self.control = config["control_fd"]
        self.pending = b""

    def run(self):
        import select

        gc.collect()
        gc.freeze()
        woken, wake = os.pipe()
        os.set_blocking(woken, False)
        os.set_blocking(wake, False)
        signal.set_wakeup_fd(wake)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        # The master alone says when to end; a terminal's Ctrl-C reaches every process.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        self.say("ready")
        while True:
            readable, _, _ = select.select([self.control, woken], [], [])
            if woken in readable:
                os.read(woken, 4096)
                self.reap()
            if self.control in readable and not self.hear():
                os._exit(0)

    def say(self, line):
        os.write(self.control, line.encode() + b"\n")

    def hear(self):
        data = os.read(self.control, 4096)
        *lines, self.pending = (self.pending + data).split(b"\n")
        for line in lines:
            if line == b"fork":
                self.fork()
            elif line == b"close":
                os.close(self.config["listen_fd"])
        return bool(data)

    def reap(self):
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            self.say(f"exited {pid} {os.waitstatus_to_exitcode(status)}")

    def fork(self):
        pid = os.fork()
        if pid:
            self.say(f"forked {pid}")
            return
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.set_wakeup_fd(-1)
        os.close(self.control)
        try:
            leave(serve(self.application, self.config))
        except BaseException as error:
            report(error)
            os._exit(1)


main()
