"""A WSGI middleware that writes down what a server and an application say to each other.

`recorder:app` is the application that WSGI_MATRIX_RECORDED names as module:callable; only a
server's one argument changes. Each event is one JSON line, in RECORD, written at once and whole
(O_APPEND), so that several processes and threads write one file. matrix/record reads it.

It is written to PEP 3333 and hands everything on as it is: the same arguments, the same
exceptions, the same environ (an application may change it, and a server may look). What it has
to replace is wsgi.input and the iterable; the latter keeps its len() and has a close() if the
application's has one. An iterable of wsgi.file_wrapper's is returned as it is: a server knows it
by its type. Python 3.11, the standard library alone.
"""

import hashlib
import importlib
import itertools
import json
import os
import threading
import time

RECORD = "/tmp/wsgi-matrix-record.jsonl"
SPEC = "WSGI_MATRIX_RECORDED"  # module:callable
MOST_BYTES = 32 << 20  # of the file: a /tmp in memory is the server's too
MOST_EVENTS = 400  # of a call: with more, reads and chunks are only counted
MOST_VALUE = 4096  # characters of a value of the environ


class Log:
    """The file. It is opened by the process that first writes: a server may fork before."""

    def __init__(self, path):
        self.path, self.fd, self.pid, self.full = path, -1, 0, False
        self.lock = threading.Lock()

    def write(self, event):
        line = json.dumps(event).encode() + b"\n"
        with self.lock:
            if self.pid != os.getpid():
                self.fd = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o666)
                self.pid, self.full = os.getpid(), False
            if self.full:
                return
            if os.fstat(self.fd).st_size + len(line) > MOST_BYTES:
                self.full, line = True, b'{"e": "full"}\n'
            os.write(self.fd, line)


def value(v):
    """A value of the environ: text as it is, of anything else the type."""
    if type(v) is str:
        return v if len(v) <= MOST_VALUE else {"type": "str", "is": f"{v[:MOST_VALUE]}… ({len(v)} characters)"}
    if isinstance(v, (bool, int)) or type(v) is tuple and all(type(x) is int for x in v):
        return {"type": type(v).__name__, "is": repr(v)}
    return {"type": type(v).__name__}


def size(data):
    return len(data) if isinstance(data, (bytes, bytearray, memoryview, str)) else -1


class Call:
    """One call of the application. Every event carries the sums so far."""

    serial = itertools.count(1)

    def __init__(self, log, environ):
        self.log, self.events = log, 0
        self.id = f"{os.getpid()}-{next(Call.serial)}"
        self.digest, self.taken, self.chunks, self.sent = hashlib.sha256(), 0, 0, 0
        self.note("call", environ={str(k): value(v) for k, v in list(environ.items())}, environ_type=type(environ).__name__)

    def note(self, what, **more):
        self.events += 1
        if self.events > MOST_EVENTS and what in ("read", "readline", "readlines", "iterate", "next", "write"):
            return
        self.log.write({
            "id": self.id, "t": time.time_ns(), "e": what, "taken": self.taken, "digest": self.digest.hexdigest()[:16],
            "chunks": self.chunks, "sent": self.sent, **more,
        })

    def took(self, what, args, data):
        lines = data if isinstance(data, list) else [data]
        n = 0
        for line in lines:
            if isinstance(line, bytes):
                self.digest.update(line)
                n += len(line)
        self.taken += n
        self.note(what, args=[a if isinstance(a, int) else repr(a)[:80] for a in args], size=n, type=type(data).__name__)

    def gave(self, what, data):
        self.chunks += 1
        self.sent += max(0, size(data))
        self.note(what, size=size(data), type=type(data).__name__)

    def raised(self, where, exc):
        self.note("raised", where=where, exception=type(exc).__name__, says=str(exc)[:300])


class Input:
    """wsgi.input. What a server's has besides is reached through it."""

    def __init__(self, call, stream):
        self._call, self._stream = call, stream

    def __getattr__(self, name):
        return getattr(self._stream, name)

    def _ask(self, what, args):
        try:
            data = getattr(self._stream, what)(*args)
        except BaseException as exc:
            self._call.raised(what, exc)
            raise
        self._call.took(what, args, data)
        return data

    def read(self, *args):
        return self._ask("read", args)

    def readline(self, *args):
        return self._ask("readline", args)

    def readlines(self, *args):
        return self._ask("readlines", args)

    def __iter__(self):
        lines = iter(self._stream)
        while True:
            try:
                line = next(lines)
            except StopIteration:
                self._call.note("iterate", args=[], size=0, type="end")
                return
            except BaseException as exc:
                self._call.raised("iterate", exc)
                raise
            self._call.took("iterate", (), line)
            yield line


class Steps:
    """The iterable. Its subclasses have what the application's has besides."""

    def __init__(self, call, result):
        self._call, self._result, self._steps = call, result, None

    def __iter__(self):
        self._begin()
        return self

    def _begin(self):
        try:
            self._steps = iter(self._result)
        except BaseException as exc:
            self._call.raised("iter", exc)
            raise

    def __next__(self):
        if self._steps is None:
            self._begin()
        began = time.monotonic_ns()
        try:
            data = next(self._steps)
        except StopIteration:
            self._call.note("end")
            raise
        except BaseException as exc:
            self._call.raised("next", exc)
            raise
        self._call.chunks += 1
        self._call.sent += max(0, size(data))
        self._call.note("next", size=size(data), type=type(data).__name__, took=time.monotonic_ns() - began)
        return data


class Sized:
    def __len__(self):
        return len(self._result)


class Closing:
    def close(self):
        try:
            self._result.close()
        except BaseException as exc:
            self._call.raised("close", exc)
            raise
        finally:
            self._call.note("close")


KINDS = {
    (False, False): Steps,
    (True, False): type("SizedSteps", (Steps, Sized), {}),
    (False, True): type("ClosingSteps", (Steps, Closing), {}),
    (True, True): type("SizedClosingSteps", (Steps, Sized, Closing), {}),
}


class Recorder:
    """The middleware."""

    def __init__(self, application, path=RECORD):
        self.application, self.log = application, Log(path)

    def __call__(self, environ, start_response):
        call = Call(self.log, environ)
        if "wsgi.input" in environ:
            environ["wsgi.input"] = Input(call, environ["wsgi.input"])
        wrapper, wrapped = environ.get("wsgi.file_wrapper"), []
        if callable(wrapper) and not isinstance(wrapper, type):  # a function: nothing shows later what it has made
            environ["wsgi.file_wrapper"] = remembering(wrapper, wrapped)
        try:
            result = self.application(environ, recorded_start(call, start_response))
        except BaseException as exc:
            call.raised("call", exc)
            raise
        served = isinstance(wrapper, type) and isinstance(result, wrapper) or any(result is w for w in wrapped)
        asis = served or isinstance(result, (bytes, str)) or result is None
        call.note(
            "return", type=type(result).__name__, len=len(result) if hasattr(result, "__len__") else -1,
            close=hasattr(result, "close"), file_wrapper=served, as_is=asis,
        )
        if asis:
            return result
        return KINDS[hasattr(result, "__len__"), hasattr(result, "close")](call, result)


def remembering(wrapper, wrapped):
    def file_wrapper(*args):
        made = wrapper(*args)
        wrapped.append(made)
        return made

    return file_wrapper


def recorded_start(call, start_response):
    def start(*args, **named):
        exc_info = args[2] if len(args) > 2 else named.get("exc_info")
        told = {"status": value(args[0]) if args else None, "headers": pairs(args[1]) if len(args) > 1 else [], "exc_info": bool(exc_info)}
        exc_info = None  # a traceback that held this frame would be a circle
        try:
            write = start_response(*args, **named)
        except BaseException as exc:
            call.note("start_response", raised=type(exc).__name__, says=str(exc)[:300], **told)
            raise
        finally:
            args = named = None
        call.note("start_response", **told)
        return recorded_write(call, write)

    return start


def pairs(headers):
    try:
        return [[str(name), str(text)[:MOST_VALUE]] for name, text in headers]
    except (TypeError, ValueError):
        return []  # it is the server's to complain


def recorded_write(call, write):
    def recorded(data):
        try:
            result = write(data)
        except BaseException as exc:
            call.raised("write", exc)
            raise
        call.gave("write", data)
        return result

    return recorded


def load(spec):
    module, _, path = spec.partition(":")
    found = importlib.import_module(module)
    for name in path.split("."):
        found = getattr(found, name)
    return found


if SPEC in os.environ:  # a real attribute: uWSGI looks into the module's dict
    app = Recorder(load(os.environ[SPEC]))
