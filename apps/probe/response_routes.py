"""start_response, write, iteration and close (PEP 3333).

Many of these routes do what no application should: what the server makes of it is the question.
"""

import io
import os
import sys
import tempfile
import time
import weakref
from urllib.parse import parse_qs
from wsgiref.util import FileWrapper

import record

PAUSE = 0.25  # seconds; the cases ask for less than half of it
BLOCK = bytes(range(256)) * 256
CONTENT = b"0123456789abcdefghijklmnopqrstuvwxyz\n"


class ProbeError(Exception):
    """What the routes raise."""


def plain(*more):
    """A new list at each call: a server may change the one that it gets."""
    return [("Content-Type", "text/plain"), *more]


def octets(*more):
    """PEP 3333 lets a server add its error message to text/*, but not to this."""
    return [("Content-Type", "application/octet-stream"), *more]


def length(n):
    return ("Content-Length", str(n))


def handle_error(start_response, headers):
    """Calls start_response as an error handler does."""
    try:
        raise ProbeError("for an error handler")
    except ProbeError:
        return start_response("503 Service Unavailable", headers, sys.exc_info())


def attempt(function, *args):
    """Tells whether a call was let through or raised."""
    try:
        function(*args)
    except Exception:
        return "refused"
    return "accepted"


class Body:
    """An iterable of chunks that notes each call of its close(). An exception among the chunks is raised."""

    def __init__(self, token, *chunks):
        self.token = token
        self.chunks = chunks

    def __iter__(self):
        for chunk in self.chunks:
            if isinstance(chunk, Exception):
                raise chunk
            yield chunk

    def close(self):
        record.note(self.token, "closed")


# start_response


def start_twice(environ, start_response):
    start_response("200 OK", plain())
    second = attempt(start_response, "202 Accepted", plain())
    record.note(record.tail(environ), f"second {second}")
    return [b"first\n"]


def start_twice_late(environ, start_response):
    start_response("200 OK", plain())
    yield b"first\n"
    yield attempt(start_response, "202 Accepted", plain()).encode() + b"\n"


def start_after_failure(environ, start_response):
    token = record.tail(environ)
    record.note(token, "first " + attempt(start_response, 200, plain()))
    record.note(token, "second " + attempt(start_response, "202 Accepted", plain()))
    raise ProbeError("there is no response")


def start_in_class(environ, start_response):
    """A class is the application: its instance is the iterable and its own iterator."""
    return Started(start_response)


class Started:
    def __init__(self, start_response):
        self.start_response = start_response
        self.chunks = iter([b"from a\n", b"class\n"])

    def __iter__(self):
        return self

    def __next__(self):
        if self.start_response:
            self.start_response("200 OK", plain())
            self.start_response = None
        return next(self.chunks)


def start_in_generator(environ, start_response):
    start_response("200 OK", plain())
    yield b"from a generator\n"


def start_never(environ, start_response):
    return [b"not a response\n"] if record.tail(environ) == "body" else []


BAD = {
    "status-int": (200, []),
    "status-word": ("OK", []),
    "status-crlf": ("200 OK\r\nX-Injected: yes", []),
    "status-euro": ("200 \u20ac", []),
    "name-space": ("200 OK", [("X Bad", "value")]),
    "value-crlf": ("200 OK", [("X-Bad", "value\r\nX-Injected: yes")]),
    "value-lf": ("200 OK", [("X-Bad", "value\nX-Injected: yes")]),
    "value-nul": ("200 OK", [("X-Bad", "val\0ue")]),
    "value-euro": ("200 OK", [("X-Bad", "\u20ac")]),
    "value-int": ("200 OK", [("X-Bad", 5)]),
    "connection": ("200 OK", [("Connection", "keep-alive")]),
    "transfer-encoding": ("200 OK", [("Transfer-Encoding", "chunked")]),
    "length-and-coding": ("200 OK", [("Content-Length", "9"), ("Transfer-Encoding", "chunked")]),
}


def start_bad(environ, start_response):
    """/start-bad/WHAT/TOKEN gives start_response what it should refuse."""
    what, token = record.tail(environ).split("/")
    status, headers = BAD[what]
    try:
        start_response(status, plain(*headers))
    except Exception:
        record.note(token, "refused")
        raise
    record.note(token, "accepted")
    return [b"accepted\n"]


GOOD = {
    "status": ("299 Tr\xe8s bien", []),
    "latin-1": ("200 OK", [("X-Latin", "caf\xe9")]),
    "empty": ("200 OK", [("X-Empty", "")]),
    "cookies": ("200 OK", [("Set-Cookie", value) for value in ("b=1", "a=2", "b=3")]),
    "date": ("200 OK", [("Date", "Tue, 15 Nov 1994 08:12:31 GMT"), ("Server", "probe")]),
    "plain": ("200 OK", []),
    "missing": ("404 Not Found", []),
}


def start_good(environ, start_response):
    """/start-good/WHAT is unusual, and right."""
    status, headers = GOOD[record.tail(environ)]
    start_response(status, plain(*headers, length(5)))
    return [b"good\n"]


# exc_info


def error_before(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/html"), ("X-First", "old"), ("Set-Cookie", "first=old")])
    handle_error(start_response, plain(("X-Second", "new")))
    return [b"sorry\n"]


def error_before_length(environ, start_response):
    start_response("200 OK", plain(length(1000)))
    handle_error(start_response, plain())
    return [b"sorry\n"]


def error_at_once(environ, start_response):
    handle_error(start_response, plain())
    return [b"sorry\n"]


def error_written(environ, start_response):
    start_response("204 No Content", [])
    write = handle_error(start_response, plain())
    write(b"sorry\n")
    return []


def error_after_empty(environ, start_response):
    start_response("200 OK", plain(("X-First", "old")))
    yield b""
    handle_error(start_response, plain())
    yield b"sorry\n"


def error_after_zero(environ, start_response):
    """PEP 3333 lets the head of a body of no bytes be sent early."""
    start_response("200 OK", plain(length(0)))
    yield b""
    handle_error(start_response, plain())
    yield b"sorry\n"


def error_after(environ, start_response):
    """The head is out: what start_response raises is noted, and ends the application."""
    token = record.tail(environ)
    start_response("200 OK", octets())
    yield b"one\n"
    try:
        raise ProbeError("after the first chunk")
    except ProbeError as given:
        try:
            start_response("503 Service Unavailable", plain(), sys.exc_info())
        except Exception as raised:
            record.note(token, "the same" if raised is given else "another")
            record.note(token, "raised")
            raise
    record.note(token, "returned")
    yield b"two\n"


def error_released(environ, start_response):
    try:
        raise ProbeError("to be forgotten")
    except ProbeError as error:
        alive = weakref.ref(error)
        start_response("503 Service Unavailable", plain(), sys.exc_info())
    return [b"held\n" if alive() else b"released\n"]


# write


def write_first(environ, start_response):
    write = start_response("200 OK", plain())
    write(b"written\n")
    write(b"")
    write(b"written again\n")
    return [b"returned\n"]


def write_only(environ, start_response):
    write = start_response("200 OK", plain())
    write(b"written\n")
    return []


def write_counted(environ, start_response):
    write = start_response("200 OK", plain(length(9)))
    write(b"four")
    return [b"five\n"]


def write_slowly(environ, start_response):
    write = start_response("200 OK", plain())
    write(b"one\n")
    time.sleep(PAUSE)
    write(b"two\n")
    time.sleep(PAUSE)
    return [b"three\n"]


def write_text(environ, start_response):
    write = start_response("200 OK", plain())
    return [attempt(write, "text\n").encode() + b"\n"]


def write_too_much(environ, start_response):
    """write() past Content-Length may raise: the application does not mind."""
    write = start_response("200 OK", plain(length(5)))
    write(b"five\n")
    attempt(write, b"too much\n")
    return []


# What is yielded


def yielded(environ, start_response):
    """/yield/WHAT: chunks without a Content-Length."""
    start_response("200 OK", octets())
    return CHUNKS[record.tail(environ)]


CHUNKS = {
    "text": ["text\n"],
    "numbers": [1, 2],
    "none": None,
    "text-later": [b"one\n", "two\n"],
    "empty": [b"", b"before\n", b"", b"", b"after\n", b""],
    "only-empty": [b"", b""],
    "nothing": [],
    "several": (b"one\n", b"two\n"),
}


class Sequence:
    """The iteration protocol of old, which iter() knows."""

    def __getitem__(self, index):
        return [b"by\n", b"index\n"][index]


def yield_sequence(environ, start_response):
    start_response("200 OK", plain())
    return Sequence()


def slowly(*chunks):
    for i, chunk in enumerate(chunks):
        if i:
            time.sleep(PAUSE)
        yield chunk


def yield_slowly(environ, start_response):
    start_response("200 OK", plain())
    return slowly(b"one\n", b"two\n", b"three\n")


def yield_slowly_counted(environ, start_response):
    start_response("200 OK", plain(length(8)))
    return slowly(b"one\n", b"two\n")


def yield_slowly_much(environ, start_response):
    start_response("200 OK", plain())
    return slowly(BLOCK * 4, b"end\n")


# An exception


def fail_in_call(environ, start_response):
    raise ProbeError("before start_response")


def fail_after_start(environ, start_response):
    start_response("200 OK", plain())
    raise ProbeError("after start_response")


def fail_in_next(environ, start_response):
    start_response("200 OK", plain())
    yield b""
    raise ProbeError("before the first chunk")


def fail_later(environ, start_response):
    start_response("200 OK", octets())
    yield b"one\n"
    raise ProbeError("after the first chunk")


def fail_counted(environ, start_response):
    start_response("200 OK", octets(length(100)))
    yield b"one\n"
    raise ProbeError("after the first chunk")


# close()


def closing(environ, start_response):
    """/close/WHAT/TOKEN: a body that notes its close()."""
    what, token = record.tail(environ).split("/")
    status, more, chunks = CLOSING[what]
    start_response(status, octets(*more) if status == "200 OK" else list(more))
    return Body(token, *chunks)


CLOSING = {
    "whole": ("200 OK", [], [b"one\n", b"two\n"]),
    "error": ("200 OK", [], [b"one\n", ProbeError("after the first chunk")]),
    "error-first": ("200 OK", [], [ProbeError("before the first chunk")]),
    "text": ("200 OK", [], ["text\n"]),
    "length": ("200 OK", [length(4)], [b"one\n", b"two\n", b"three\n"]),
    "not-modified": ("304 Not Modified", [("ETag", '"probe"')], []),
}


class StartsTwice(Body):
    """Its first next() gets an exception out of start_response."""

    def __init__(self, token, start_response):
        super().__init__(token, b"one\n")
        self.start_response = start_response

    def __iter__(self):
        self.start_response("200 OK", plain())
        self.start_response("200 OK", plain())
        return super().__iter__()


def close_start_fails(environ, start_response):
    return StartsTwice(record.tail(environ), start_response)


class FailsToClose(Body):
    def close(self):
        super().close()
        raise ProbeError("in close()")


def close_fails(environ, start_response):
    start_response("200 OK", plain(length(4)))
    return FailsToClose(record.tail(environ), b"one\n")


class Endless(Body):
    """It ends all the same, should nobody notice that the client has gone."""

    def __iter__(self):
        for _ in range(300):
            yield BLOCK
            time.sleep(0.005)


def close_endless(environ, start_response):
    start_response("200 OK", octets())
    return Endless(record.tail(environ))


class Twofold(Body):
    """The iterable and its iterator both have a close(); the first alone is to be called."""

    def __iter__(self):
        return TwofoldIterator(self.token)

    def close(self):
        record.note(self.token, "iterable closed")


class TwofoldIterator:
    def __init__(self, token):
        self.token = token
        self.chunks = iter([b"one\n", b"two\n"])

    def __iter__(self):
        return self

    def __next__(self):
        return next(self.chunks)

    def close(self):
        record.note(self.token, "iterator closed")


def close_twofold(environ, start_response):
    start_response("200 OK", plain())
    return Twofold(record.tail(environ))


class Watched(Body):
    """Notes the attributes that it is asked for and does not have. Python's own (__len__) do not count."""

    def __getattr__(self, name):
        if not name.startswith("__"):
            record.note(self.token, f"asked for {name}")
        raise AttributeError(name)


def close_watched(environ, start_response):
    start_response("200 OK", plain())
    return Watched(record.tail(environ), b"one\n", b"two\n")


# Content-Length


def length_of(environ, start_response):
    """/length/N/CHUNK/CHUNK: a Content-Length and chunks that need not agree."""
    n, *chunks = record.tail(environ).split("/")
    start_response("200 OK", octets(length(n)))
    return [chunk.encode("latin-1") for chunk in chunks if chunk]


class Overlong(Body):
    """After the five bytes that are declared come many more: notes whether all of them were asked for."""

    def __iter__(self):
        yield b"five\n"
        for _ in range(1000):
            yield b"too much\n"
        record.note(self.token, "asked for all")


def length_overlong(environ, start_response):
    start_response("200 OK", plain(length(5)))
    return Overlong(record.tail(environ))


def length_unsaid(environ, start_response):
    start_response("200 OK", plain())
    return [b"one chunk\n"]


class One:
    """One chunk, and len() says so."""

    def __len__(self):
        return 1

    def __iter__(self):
        return iter([b"one chunk\n"])


def length_of_one(environ, start_response):
    start_response("200 OK", plain())
    return One()


def length_after_write(environ, start_response):
    """The one chunk is not all of the body."""
    write = start_response("200 OK", plain())
    write(b"written\n")
    return [b"one chunk\n"]


def wrapper_there(environ, start_response):
    """Whether the server has one: without it the routes below use one of their own."""
    return record.text(start_response, "there\n" if callable(environ.get("wsgi.file_wrapper")) else "absent\n")


# wsgi.file_wrapper: a server may have none, and then a wrapper of the application's own does


class Readable:
    """As little as a file may be."""

    def __init__(self, data):
        self.read = io.BytesIO(data).read


def real_file():
    file = tempfile.TemporaryFile()  # noqa: SIM115: whoever sends it closes it
    file.write(CONTENT)
    file.seek(0)
    return file


FILES = {
    "real": real_file,
    "bytesio": lambda: io.BytesIO(CONTENT),
    "readable": lambda: Readable(CONTENT),
}


def wrap(environ, file, *block):
    return environ.get("wsgi.file_wrapper", FileWrapper)(file, *block)


def file_sent(environ, start_response):
    """/file/KIND?seek=N&read=N&length=N&block=N"""
    query = parse_qs(environ.get("QUERY_STRING", ""))
    number = {key: int(values[0]) for key, values in query.items()}
    file = FILES[record.tail(environ)]()
    if "seek" in number:
        file.seek(number["seek"])
    if "read" in number:
        file.read(number["read"])
    start_response("200 OK", octets(*[length(number["length"])] if "length" in number else []))
    return wrap(environ, file, *[number["block"]] if "block" in number else [])


class NotedFile:
    """A real file whose close() is noted."""

    def __init__(self, token, file):
        self.token = token
        self.file = file
        self.read = file.read
        self.fileno = file.fileno

    def close(self):
        record.note(self.token, "closed")
        self.file.close()


class NotedReadable(Readable):
    """No descriptor, but a close()."""

    def __init__(self, token):
        super().__init__(CONTENT)
        self.token = token

    def close(self):
        record.note(self.token, "closed")


def file_closed(environ, start_response):
    """/file-closed/KIND/TOKEN"""
    kind, token = record.tail(environ).split("/")
    start_response("200 OK", octets())
    return wrap(environ, NotedFile(token, real_file()) if kind == "real" else NotedReadable(token))


def file_unused(environ, start_response):
    """A wrapper that is not returned has read nothing and sent nothing, and can be closed."""
    file = real_file()
    wrapper = wrap(environ, file)
    start_response("200 OK", plain())
    read = os.lseek(file.fileno(), 0, os.SEEK_CUR)
    wrapper.close()
    return [f"read: {read} bytes; closed: {file.closed}\n".encode()]


def file_within(environ, start_response):
    """Middleware takes what the wrapper yields, and changes it."""
    start_response("200 OK", plain())
    return Upper(wrap(environ, real_file(), 10))


class Upper:
    def __init__(self, wrapper):
        self.wrapper = wrapper
        self.close = wrapper.close

    def __iter__(self):
        return (chunk.upper() for chunk in self.wrapper)


ROUTES = {
    "/wrapper-there": wrapper_there,
    "/start-twice": start_twice,
    "/start-twice-late": start_twice_late,
    "/start-after-failure": start_after_failure,
    "/start-in-class": start_in_class,
    "/start-in-generator": start_in_generator,
    "/start-never": start_never,
    "/start-bad": start_bad,
    "/start-good": start_good,
    "/error-before": error_before,
    "/error-before-length": error_before_length,
    "/error-at-once": error_at_once,
    "/error-written": error_written,
    "/error-after-empty": error_after_empty,
    "/error-after-zero": error_after_zero,
    "/error-after": error_after,
    "/error-released": error_released,
    "/write": write_first,
    "/write-only": write_only,
    "/write-counted": write_counted,
    "/write-slowly": write_slowly,
    "/write-text": write_text,
    "/write-too-much": write_too_much,
    "/yield": yielded,
    "/yield-sequence": yield_sequence,
    "/yield-slowly": yield_slowly,
    "/yield-slowly-counted": yield_slowly_counted,
    "/yield-slowly-much": yield_slowly_much,
    "/fail-in-call": fail_in_call,
    "/fail-after-start": fail_after_start,
    "/fail-in-next": fail_in_next,
    "/fail-later": fail_later,
    "/fail-counted": fail_counted,
    "/close": closing,
    "/close-start-fails": close_start_fails,
    "/close-fails": close_fails,
    "/close-endless": close_endless,
    "/close-twofold": close_twofold,
    "/close-watched": close_watched,
    "/length": length_of,
    "/length-overlong": length_overlong,
    "/length-unsaid": length_unsaid,
    "/length-of-one": length_of_one,
    "/length-after-write": length_after_write,
    "/file": file_sent,
    "/file-closed": file_closed,
    "/file-unused": file_unused,
    "/file-within": file_within,
}
