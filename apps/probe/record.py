"""What happens after a response, or where a client cannot see it: kept in a file that every worker
of the server can read, under a token that the client chooses.

    note(token, "closed")          in a route
    GET /record/TOKEN              all that was noted, a line each
    GET /record/TOKEN?wait=closed  the same, as soon as it holds that line: a dot is sent for each
                                   20 ms until then, so that a server with one thread goes on
                                   meanwhile; after 3 s it is given up
"""

import os
import re
import time
from pathlib import Path
from urllib.parse import parse_qs

FOLDER = Path(os.environ.get("TMPDIR", "/tmp"))
PATIENCE = 3.0  # seconds
PAUSE = 0.02


def text(start_response, body, status="200 OK", headers=()):
    """Answers with a text, as plainly as can be."""
    data = body.encode("latin-1")
    start_response(status, [("Content-Type", "text/plain"), ("Content-Length", str(len(data))), *headers])
    return [data]


def file(token):
    if not re.fullmatch(r"[a-z0-9-]{1,60}", token):
        raise ValueError(f"not a token: {token!r}")
    return FOLDER / f"probe-{token}"


def note(token, line):
    """Adds a line; lines of less than a page are never mixed (O_APPEND)."""
    with file(token).open("ab") as f:
        f.write(line.encode() + b"\n")


def noted(token):
    try:
        return file(token).read_bytes()
    except FileNotFoundError:
        return b""


def tail(environ):
    """What follows the route's name in the path."""
    return environ["PATH_INFO"].split("/", 2)[2]


def read(environ, start_response):
    token = tail(environ)
    wait = parse_qs(environ.get("QUERY_STRING", "")).get("wait", [None])[0]
    if wait is None:
        return text(start_response, noted(token).decode())
    start_response("200 OK", [("Content-Type", "text/plain")])
    return waiting(token, wait.encode())


def waiting(token, line):
    end = time.monotonic() + PATIENCE
    while line not in noted(token).splitlines() and time.monotonic() < end:
        yield b"."
        time.sleep(PAUSE)
    yield b"\n" + noted(token)


ROUTES = {"/record": read}
