"""The application of the servers' own tests: each path is one behaviour.

Nothing in it sleeps. It waits at gates, which are FIFOs that a test writes a byte to, and says
what happened on another FIFO, which the test reads.
"""

import atexit
import contextvars
import gc
import hashlib
import io
import os
import select
import signal
import sys
import threading
import weakref
from urllib.parse import parse_qs

TEXT = [("Content-Type", "text/plain")]
GATES = os.environ.get("GATES", "")
LIMIT = 20  # seconds at a gate


def say(text):
    fd = os.open(os.path.join(GATES, "events"), os.O_WRONLY)
    os.write(fd, text.encode() + b"\n")
    os.close(fd)


def gate(name):
    fd = os.open(os.path.join(GATES, name), os.O_RDONLY)
    try:
        if not select.select([fd], [], [], LIMIT)[0]:
            raise TimeoutError(f"nobody opened gate {name}")
        os.read(fd, 1)
    finally:
        os.close(fd)


class Body:
    """An iterable whose close() is told, as often as it runs."""

    def __init__(self, chunks, close=None):
        self.chunks = chunks
        self.then = close

    def __iter__(self):
        return iter(self.chunks)

    def close(self):
        say("close")
        if self.then:
            self.then()


def fail(*_):
    raise ValueError("on purpose")


def reply(start_response, body, headers=TEXT, status="200 OK"):
    start_response(status, headers)
    return [body if isinstance(body, bytes) else str(body).encode()]


def query(environ, name, default=None):
    return parse_qs(environ["QUERY_STRING"]).get(name, [default])[0]


def number(environ, name):
    return int(query(environ, name, 0))


# Requests


def hello(environ, start_response):
    return reply(start_response, "hello\n")


def env(environ, start_response):
    return reply(start_response, "".join(f"{k}={v!r}\n" for k, v in sorted(environ.items())))


def types(environ, start_response):
    """Changes its environ, and shows what of it a second request would see."""
    seen = environ.get("left.behind", "nothing")
    environ["left.behind"] = "something"
    return reply(start_response, f"{type(environ) is dict} {seen}")


def echo(environ, start_response):
    digest, size = hashlib.sha256(), 0
    while data := environ["wsgi.input"].read(65536):
        size += len(data)
        digest.update(data)
    return reply(start_response, f"{size} {digest.hexdigest()}")


def back(environ, start_response):
    return reply(start_response, environ["wsgi.input"].read())


def lines(environ, start_response):
    """Reads a body of several lines in every way there is."""
    f = environ["wsgi.input"]
    seen = [f.read(0), f.read(3), f.readline(), f.readline(2), f.readlines(1), list(f), f.read(), f.read(5), f.readline(), f.read(-1)]
    return reply(start_response, repr(seen))


def unread(environ, start_response):
    return reply(start_response, "not read\n")


def errors(environ, start_response):
    e = environ["wsgi.errors"]
    e.write("written €\n")
    e.writelines(["one\n", "two\n"])
    e.flush()
    return reply(start_response, "logged")


# Responses


def nothing(environ, start_response):
    start_response("200 OK", TEXT)
    return []


def status(environ, start_response):
    """Any status, with a body that it may not have."""
    start_response(query(environ, "is"), TEXT)
    return Body([b"body"])


def declared(environ, start_response):
    """A Content-Length, and a body of another one."""
    start_response("200 OK", [*TEXT, ("Content-Length", query(environ, "length"))])
    return Body([b"12345", b"67890"])


def stream(environ, start_response):
    start_response("200 OK", TEXT)

    def chunks():
        for i in range(3):
            gate("stream")
            yield b"chunk %d\n" % i

    return Body(chunks())


def empties(environ, start_response):
    start_response("200 OK", TEXT)
    return Body([b"", b"a", b"", b"", b"b", b""])


def large(environ, start_response):
    """Many chunks, for a client that reads slowly or not at all."""
    start_response("200 OK", TEXT)
    block = b"x" * 65536
    return Body(block for _ in range(number(environ, "blocks")))


def big(environ, start_response):
    start_response("200 OK", TEXT)
    return [b"y" * number(environ, "size")]


def late_start(environ, start_response):
    """start_response is called when the first chunk is asked for."""
    start_response("200 OK", TEXT)
    yield b"late\n"


def never_start(environ, start_response):
    return Body([b"no head"])


def subclass(environ, start_response):
    class Chunk(bytes):
        pass

    start_response("200 OK", TEXT)
    return (Chunk(b"of a subclass"),)


def wrapped(environ, start_response):
    f = io.BytesIO(b"0123456789")
    f.read(3)
    start_response("200 OK", TEXT)
    return environ["wsgi.file_wrapper"](f, 2)


class ReadOnly:
    """All that a file wrapper may ask for (PEP 3333)."""

    def __init__(self, data):
        self.read = io.BytesIO(data).read

    def close(self):
        say("close")


def ducks(environ, start_response):
    start_response("200 OK", [*TEXT, ("Content-Length", "4")])
    return environ["wsgi.file_wrapper"](ReadOnly(b"abcdef" * 20000))


def rewrapped(environ, start_response):
    """A middleware that changes what a file wrapper gives."""
    return (chunk.upper() for chunk in ducks(environ, start_response))


# write()


def write(environ, start_response):
    w = start_response("200 OK", TEXT)
    w(b"")
    w(b"one,")
    w(b"two,")
    return Body([b"three"])


def write_gates(environ, start_response):
    w = start_response("200 OK", TEXT)
    for i in range(3):
        gate("stream")
        w(b"chunk %d\n" % i)
    return Body([])


def write_large(environ, start_response):
    w = start_response("200 OK", TEXT)
    block = b"w" * 65536
    for _ in range(number(environ, "blocks")):
        w(block)
    return Body([])


def write_long(environ, start_response):
    w = start_response("200 OK", [*TEXT, ("Content-Length", "3")])
    w(b"12")
    w(b"345")
    return Body([b"67"])


def write_then_fail(environ, start_response):
    start_response("200 OK", TEXT)(b"partly\n")
    fail()


def write_text(environ, start_response):
    start_response("200 OK", TEXT)("text")


kept = []


def keep(environ, start_response):
    kept[:] = [start_response, start_response("200 OK", TEXT)]
    return [b"kept"]


def use_kept(environ, start_response):
    """Calls what belongs to a response that is over."""
    seen = []
    for call in (lambda: kept[0]("200 OK", TEXT), lambda: kept[1](b"intruder")):
        try:
            call()
            seen.append("nothing")
        except Exception as error:
            seen.append(type(error).__name__)
    return reply(start_response, ",".join(seen))


# Errors


def raise_first(environ, start_response):
    raise ValueError("before the head")


def raise_exit(environ, start_response):
    raise SystemExit(7)


def raise_interrupt(environ, start_response):
    raise KeyboardInterrupt


def raise_started(environ, start_response):
    start_response("200 OK", TEXT)
    fail()


def raise_at_once(environ, start_response):
    """The head is not sent yet when the first chunk is asked for."""
    start_response("200 OK", TEXT)
    return Body(map(fail, [1]))


def raise_later(environ, start_response):
    start_response("200 OK", TEXT)

    def chunks():
        yield b"first\n"
        fail()

    return Body(chunks())


def raise_in_close(environ, start_response):
    start_response("200 OK", TEXT)
    return Body([b"whole\n"], close=fail)


def stubborn(environ, start_response):
    """A generator that does not want to be closed."""
    start_response("200 OK", TEXT)

    def chunks():
        try:
            while True:
                yield b"z" * 65536
        except GeneratorExit:
            say("close")
            raise KeyboardInterrupt

    return chunks()


def twice(environ, start_response):
    start_response("200 OK", TEXT)
    start_response("200 OK", TEXT)
    return [b"never"]


def replaced(environ, start_response):
    """An error page instead of what was begun (PEP 3333, "Error Handling")."""
    start_response("200 OK", [("X-Old", "1"), ("Content-Length", "100")])
    try:
        fail()
    except ValueError:
        start_response("503 Sorry", [("X-New", "2")], sys.exc_info())
    return [b"replaced"]


def replaced_late(environ, start_response):
    """b"" has not sent the head; the error page comes in time."""
    start_response("200 OK", TEXT)
    yield b""
    try:
        fail()
    except ValueError:
        start_response("503 Sorry", TEXT, sys.exc_info())
    yield b"replaced"


def too_late(environ, start_response):
    start_response("200 OK", TEXT)
    yield b"first\n"
    try:
        fail()
    except ValueError as error:
        try:
            start_response("503 Sorry", TEXT, sys.exc_info())
        except Exception as raised:
            say(f"same {raised is error}")
            raise


def lingering(environ, start_response):
    """Tells whether the server holds on to an exc_info."""

    class Custom(Exception):
        pass

    def attempt():
        error = Custom()
        try:
            raise error
        except Custom:
            start_response("200 OK", TEXT, sys.exc_info())
        return weakref.ref(error)

    ref = attempt()
    gc.collect()
    return [b"gone" if ref() is None else b"held"]


BAD = {
    "short": ("200", TEXT),
    "word": ("OK 200", TEXT),
    "interim": ("100 Continue", TEXT),
    "bytes": (b"200 OK", TEXT),
    "crlf-status": ("200 OK\r\nX-Evil: 1", TEXT),
    "wide-status": ("200 \u20ac", TEXT),
    "no-list": ("200 OK", tuple(TEXT)),
    "no-tuple": ("200 OK", [["X", "1"]]),
    "three": ("200 OK", [("X", "1", "2")]),
    "bytes-name": ("200 OK", [(b"X", "1")]),
    "bytes-value": ("200 OK", [("X", b"1")]),
    "int-value": ("200 OK", [("Content-Length", 5)]),
    "empty-name": ("200 OK", [("", "1")]),
    "space-name": ("200 OK", [("X Y", "1")]),
    "colon-name": ("200 OK", [("X:", "1")]),
    "crlf-name": ("200 OK", [("X\r\nX-Evil", "1")]),
    "crlf-value": ("200 OK", [("X", "1\r\nX-Evil: 1")]),
    "lf-value": ("200 OK", [("X", "1\nX-Evil: 1")]),
    "nul-value": ("200 OK", [("X", "1\0")]),
    "wide-value": ("200 OK", [("X", "\u20ac")]),
    "length": ("200 OK", [("Content-Length", "+5")]),
    "huge-length": ("200 OK", [("Content-Length", "9" * 30)]),
    "two-lengths": ("200 OK", [("Content-Length", "5"), ("Content-Length", "6")]),
    "connection": ("200 OK", [("Connection", "close")]),
    "coding": ("200 OK", [("Transfer-Encoding", "chunked")]),
    "none": (None, None),
}

BODIES = {
    "none": None,
    "text": ["text"],
    "str": "text",
    "bytes": b"bytes",
    "number": [1],
    "mixed": [b"", None],
    "bytearray": [bytearray(b"x")],
}


def bad(environ, start_response):
    start_response(*BAD[query(environ, "case")])
    return [b"split"]


def bad_body(environ, start_response):
    start_response("200 OK", TEXT)
    return BODIES[query(environ, "case")]


class Treacherous:
    """Its repr, which an error message asks for, changes the list that it stands in."""

    def __init__(self, headers):
        self.headers = headers

    def __repr__(self):
        self.headers.clear()
        gc.collect()
        return "treacherous"


def treacherous(environ, start_response):
    headers = []
    headers.extend((Treacherous(headers), "x") for _ in range(3))
    start_response("200 OK", headers)


# Threads and contexts

current = contextvars.ContextVar("current", default="nobody")
local = threading.local()
inside = 0
most_inside = 0
lock = threading.Lock()


def context(environ, start_response):
    """What a stream keeps in a context variable and in its thread is still there in each of
    its steps, whatever else is served in between."""
    name = query(environ, "name")
    current.set(name)
    local.name = name
    start_response("200 OK", TEXT)

    def chunks():
        for _ in range(number(environ, "steps")):
            yield f"{current.get()} {local.name} {threading.get_ident()}\n".encode().ljust(65536, b".") + b"\n"

    return chunks()


def enter():
    global inside, most_inside
    with lock:
        inside += 1
        most_inside = max(most_inside, inside)


def leave():
    global inside
    with lock:
        inside -= 1


def hold(environ, start_response):
    """Stays in the application until its gate opens."""
    enter()
    say("inside")
    gate("hold")
    leave()
    return reply(start_response, "held")


def steps(environ, start_response):
    """A long stream that counts who is inside in each of its steps."""
    start_response("200 OK", TEXT)
    for _ in range(number(environ, "blocks")):
        enter()
        block = hashlib.sha256(b"s" * 65536).digest() * 2048  # it lets the GIL go
        leave()
        yield block


def big_later(environ, start_response):
    say("inside")
    gate("hold")
    return big(environ, start_response)


def most(environ, start_response):
    return reply(start_response, most_inside)


def blocks(environ, start_response):
    """How much Python holds: each object is a block of memory, or more."""
    gc.collect()
    return reply(start_response, sys.getallocatedblocks())


def pid(environ, start_response):
    return reply(start_response, os.getpid())


def forks(environ, start_response):
    """A child that the application forked can be told to end as usual."""
    child = os.fork()
    if child == 0:
        signal.pause()
        os._exit(1)
    os.kill(child, signal.SIGTERM)
    _, status = os.waitpid(child, 0)
    return reply(start_response, os.waitstatus_to_exitcode(status))


def at_exit(environ, start_response):
    atexit.register(say, "at exit")
    return reply(start_response, "registered")


def threads(environ, start_response):
    """A thread of the application runs while the server waits for clients."""
    threading.Thread(target=lambda: (gate("thread"), say("thread ran"))).start()
    return reply(start_response, "started")


def write_from_thread(environ, start_response):
    """A thread that outlives the call tries to write into the response, of which one chunk is more
    than the sockets hold: it is being sent until the client reads it."""
    w = start_response("200 OK", TEXT)

    def intrude():
        gate("thread")
        try:
            w(b"intruder")
            say("wrote")
        except Exception as error:
            say(type(error).__name__)

    threading.Thread(target=intrude).start()
    return Body([b"x" * (64 << 20)])


def app(environ, start_response):
    handler = globals().get(environ["PATH_INFO"].strip("/").replace("-", "_"))
    if not callable(handler) or isinstance(handler, type):
        return reply(start_response, "not found\n", status="404 Not Found")
    return handler(environ, start_response)


no_callable = 7
