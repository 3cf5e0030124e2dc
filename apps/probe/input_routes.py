"""wsgi.input and wsgi.errors (PEP 3333, Input and Error Streams)."""

import hashlib
import re
import time
from itertools import islice

from record import note, noted, tail, text

CALL = re.compile(r"(read|readline|readlines|list|next)\((-?\d*)\)")

ENDS_WITHIN = 1.5  # seconds in which a read of a broken body has to end
CALLED_WITHIN = 0.3  # and in which the application is called at all, if it is
LATER = 0.1  # and in which what is taken for a request after it has come


def report(start_response, results):
    return text(start_response, "".join(f"{name}: {result}\n" for name, result in results.items()))


def calls(environ, start_response):
    """Makes the calls that the query names, and shows what each gave: read(3);readline();list().

    list() and next() are iteration.
    """
    stream = environ["wsgi.input"]
    lines = []
    for match in CALL.finditer(environ["QUERY_STRING"]):
        try:
            result = ascii(call(stream, match[1], [int(match[2])] if match[2] else []))
        except Exception as exc:  # whatever a server does, it is to be seen
            result = f"raises {type(exc).__name__}"
        lines.append(f"{match[0]} {result}\n")
    return text(start_response, "".join(lines))


def call(stream, name, args):
    if name == "list":
        return list(stream)
    if name == "next":
        return next(iter(stream), None)
    return getattr(stream, name)(*args)


def methods(environ, start_response):
    return report(start_response, has(environ["wsgi.input"], "read", "readline", "readlines", "__iter__"))


def has(stream, *names):
    return {name: callable(getattr(stream, name, None)) for name in names}


def kinds(environ, start_response):
    """The types of what comes out of a body of three lines."""
    stream = environ["wsgi.input"]
    results = {"read": stream.read(1), "readline": stream.readline(), "iteration": next(iter(stream))}
    return report(start_response, {name: type(result).__name__ for name, result in results.items()})


def kinds_of_lines(environ, start_response):
    stream = environ["wsgi.input"]
    lines, end = stream.readlines(), stream.read(1)
    results = {"readlines": lines, "a line": lines[0], "the end": end}
    return report(start_response, {name: type(result).__name__ for name, result in results.items()})


def size(environ):
    return int(environ["CONTENT_LENGTH"])


def pieces(environ, start_response):
    """Reads the body in pieces of N bytes (the query), and nothing behind it. A piece may be short."""
    most, left = int(environ["QUERY_STRING"]), size(environ)
    digest, longest = hashlib.sha256(), 0
    while left > 0 and (piece := environ["wsgi.input"].read(min(most, left))):
        digest.update(piece)
        left -= len(piece)
        longest = max(longest, len(piece))
    good = "yes" if longest <= most else f"no, {longest}"
    return text(start_response, f"left: {left}, {digest.hexdigest()}\nat most {most} at once: {good}\n")


def once(environ, start_response):
    data = environ["wsgi.input"].read(size(environ))
    return text(start_response, f"{len(data)} bytes, {hashlib.sha256(data).hexdigest()}\n")


def lengths(environ, start_response):
    """The lengths of the lines, from readline(), and nothing behind the body."""
    found = []
    while sum(found) < size(environ) and (line := environ["wsgi.input"].readline()):
        found.append(len(line))
    return text(start_response, "".join(f"{length}\n" for length in found))


def hint(environ, start_response):
    """readlines(hint) gives whole lines, as many as it likes; what it leaves comes next."""
    stream = environ["wsgi.input"]
    first = stream.readlines(1)
    rest = stream.readlines()
    return text(start_response, f"some at first: {len(first) > 0}\nall: {first + rest!r}\n")


def same(environ, start_response):
    """Two lines by readline(), two more by iteration, and nothing behind them."""
    stream = environ["wsgi.input"]
    one = [stream.readline(), stream.readline()]
    return text(start_response, f"readline: {one!r}\niteration: {list(islice(stream, 2))!r}\n")


def broken(environ, start_response):
    """Reads a body that breaks off, and keeps a record: its client has gone."""
    token = tail(environ)
    note(token, "called")
    try:
        while environ["wsgi.input"].read(100):
            pass
    except Exception as exc:  # any error will do
        note(token, f"raised {type(exc).__name__}")
    note(token, "ended")
    return text(start_response, "ended\n")


def phantom(environ, start_response):
    """What the body of a broken request asks for, were it taken for a request."""
    note(tail(environ), "phantom")
    return text(start_response, "phantom\n")


def outcome(environ, start_response):
    """What became of a broken request."""
    token, start = tail(environ), time.monotonic()
    while waiting(noted(token), time.monotonic() - start):
        time.sleep(0.02)
    lines = noted(token).decode().splitlines()
    found = "never called" if "called" not in lines else "ended" if "ended" in lines else "hangs"
    return text(start_response, found + (", and taken for a request" if "phantom" in lines else "") + "\n")


def waiting(lines, passed):
    if b"ended\n" in lines:
        return passed < LATER  # what is taken for a request comes after it
    return passed < (ENDS_WITHIN if b"called\n" in lines else CALLED_WITHIN)


def errors(environ, start_response):
    stream = environ["wsgi.errors"]
    stream.write("written to wsgi.errors\n")
    stream.writelines(["two lines, ", "of two strings\n", "by writelines\n"])
    stream.flush()
    return text(start_response, "written\n")


def unicode_errors(environ, start_response):
    """Text that latin-1 does not have, and some from beyond U+FFFF."""
    stream = environ["wsgi.errors"]
    stream.write("\u20ac \u4e2d \U0001f40d\n")
    stream.writelines(["\u20ac", "\n"])
    stream.flush()
    return text(start_response, "written\n")


def error_methods(environ, start_response):
    return report(start_response, has(environ["wsgi.errors"], "flush", "write", "writelines"))


ROUTES = {
    "/input-calls": calls,
    "/input-methods": methods,
    "/input-kinds": kinds,
    "/input-kinds-of-lines": kinds_of_lines,
    "/input-pieces": pieces,
    "/input-once": once,
    "/input-lengths": lengths,
    "/input-hint": hint,
    "/input-same": same,
    "/input-broken": broken,
    "/input-phantom": phantom,
    "/input-outcome": outcome,
    "/errors": errors,
    "/errors-unicode": unicode_errors,
    "/errors-methods": error_methods,
}
