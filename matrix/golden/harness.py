"""Calls a WSGI application without any server, and says what it answered.

    python3 -c HARNESS module:callable [FOLDER]

Reads requests as JSON lines from standard input and answers each with a JSON line on
standard output. The first line out says that the application is loaded, or why not.
One process serves all the requests of a conversation, so that sessions work.
Python 3.11, the standard library alone.
"""
import base64
import contextlib
import importlib
import io
import json
import os
import sys
import traceback
from wsgiref import validate


class Complaints:
    """What wsgiref.validate found, whether or not the application swallowed it."""

    def __init__(self):
        self.found = []
        original = validate.assert_

        def assert_(cond, *args):
            if not cond:
                self.add(" ".join(map(str, args)) or "no words")
            original(cond, *args)

        validate.assert_ = assert_

    def add(self, text):
        if text not in self.found:
            self.found.append(text)

    def note(self, exc):
        """Takes in an exception that validate raised by itself."""
        frame = exc.__traceback__
        while frame is not None and frame.tb_next is not None:
            frame = frame.tb_next
        if frame is not None and isinstance(exc, AssertionError):
            if frame.tb_frame.f_code.co_filename == validate.__file__:
                self.add(str(exc) or "no words")

    def take(self):
        found, self.found = self.found, []
        return found


class Exchange:
    """One request and what the application makes of it (PEP 3333)."""

    def __init__(self, request):
        self.partial = request["partial"]
        self.head = None
        self.chunks = []
        self.begun = False  # the headers can no longer be taken back

    def start_response(self, status, headers, exc_info=None):
        try:
            if exc_info and self.begun:
                raise exc_info[1].with_traceback(exc_info[2])
            if self.head is not None and not exc_info:
                raise AssertionError("start_response was called twice without exc_info")
        finally:
            exc_info = None  # no reference to the traceback is to linger
        self.head = (status, list(headers))
        return self.write

    def write(self, data):
        if self.head is None:
            raise AssertionError("write before start_response")
        if not isinstance(data, bytes):
            raise AssertionError(f"a chunk is {type(data).__name__}, not bytes")
        if data:
            self.begun = True
            self.chunks.append(data)

    def run(self, app, environ):
        result = app(environ, self.start_response)
        try:
            if not (self.partial and self.chunks):
                for chunk in result:
                    self.write(chunk)
                    if self.partial and self.chunks:
                        break
        finally:
            if hasattr(result, "close"):
                result.close()
        if self.head is None:
            raise AssertionError("start_response was never called")


def environ_of(request):
    body = base64.b64decode(request["body"])
    path, _, query = request["target"].partition("?")
    environ = {
        "REQUEST_METHOD": request["method"],
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote(path_of(path)),
        "QUERY_STRING": query,
        "SERVER_NAME": "matrix.test",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": f"HTTP/1.{request['minor']}",
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body),
        "wsgi.input_terminated": True,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": False,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    chunked = False
    for name, value in request["headers"]:
        if "_" in name:
            continue  # X_A must not forge HTTP_X_A
        key = name.upper().replace("-", "_")
        if key == "TRANSFER_ENCODING":
            chunked = True  # the coding is removed: the body is counted from here on
        elif key == "PROXY":
            continue
        elif key in ("CONTENT_TYPE", "CONTENT_LENGTH"):
            environ[key] = value
        else:
            add(environ, "HTTP_" + key, value)
    if chunked:
        environ["CONTENT_LENGTH"] = str(len(body))
    return environ


def add(environ, key, value):
    if key in environ:
        value = environ[key] + ("; " if key == "HTTP_COOKIE" else ", ") + value
    environ[key] = value


def path_of(target):
    """The path of an origin-form or an absolute-form target."""
    scheme, colon, rest = target.partition("://")
    if not colon or "/" in scheme:
        return target
    return "/" + rest.partition("/")[2]


def unquote(path):
    """Percent-decodes once, into one character a byte."""
    out = bytearray()
    data = path.encode("latin-1")
    i = 0
    while i < len(data):
        two = data[i + 1 : i + 3]
        if data[i] == 0x25 and len(two) == 2 and all(c in b"0123456789abcdefABCDEF" for c in two):
            out.append(int(two, 16))
            i += 3
        else:
            out.append(data[i])
            i += 1
    return out.decode("latin-1")


def answer(app, checked, complaints, request):
    exchange = Exchange(request)
    reply = {"raised": "", "traceback": ""}
    try:
        exchange.run(checked if request["validate"] else app, environ_of(request))
    except (Exception, SystemExit) as exc:  # whatever the application does, the next request is answered
        complaints.note(exc)
        reply["raised"] = "after" if exchange.begun else "before"
        reply["traceback"] = traceback.format_exc()
    status, headers = exchange.head or ("", [])
    reply["complaints"] = complaints.take() if request["validate"] else []
    try:
        reply["status"] = str(status)
        reply["headers"] = [[encode(n), encode(v)] for n, v in headers]
    except (TypeError, ValueError) as exc:
        reply.update(raised="before", traceback=f"the headers are not pairs of latin-1 strings: {exc}")
        reply.update(status="", headers=[])
    reply["chunks"] = [base64.b64encode(c).decode() for c in exchange.chunks]
    return reply


def encode(text):
    """A latin-1 string as base64: its bytes are what a server sends."""
    return base64.b64encode(text.encode("latin-1")).decode()


def load(name, folder):
    if os.path.isdir(folder) and folder not in sys.path:
        sys.path.insert(0, folder)
    module, _, attribute = name.partition(":")
    app = importlib.import_module(module)
    for part in (attribute or "application").split("."):
        app = getattr(app, part)
    if not callable(app):
        raise TypeError(f"{name} is not callable")
    return app


def main():
    # What an application prints goes to standard error: standard output is the answers' alone.
    out = os.fdopen(os.dup(1), "w", encoding="ascii")
    os.dup2(2, 1)
    questions = os.fdopen(os.dup(0), encoding="utf-8")
    with contextlib.suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)

    def say(reply):
        out.write(json.dumps(reply) + "\n")
        out.flush()

    try:
        app = load(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else "/app")
    except BaseException:
        say({"fatal": traceback.format_exc()})
        raise SystemExit(3) from None
    complaints = Complaints()
    checked = validate.validator(app)
    say({"ready": sys.version.split()[0]})
    for line in questions:
        say(answer(app, checked, complaints, json.loads(line)))


main()
