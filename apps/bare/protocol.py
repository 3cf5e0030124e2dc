"""What PEP 3333 has and frameworks rarely use, as WSGI applications of a few lines each."""

import sys
import tempfile
import time
from pathlib import Path
from wsgiref.util import FileWrapper

TEXT = [("Content-Type", "text/plain; charset=utf-8")]


def write_callable(environ, start_response):
    """What write() gets comes before what is returned."""
    write = start_response("200 OK", list(TEXT))
    write(b"written\n")
    write(b"written again\n")
    return [b"returned\n"]


def exc_info(environ, start_response):
    """Nothing has been sent yet: the second status and headers replace the first."""
    start_response("200 OK", [("Content-Type", "text/html"), ("X-First", "to be forgotten")])
    try:
        raise RuntimeError("after start_response, before the body")
    except RuntimeError:
        start_response("503 Service Unavailable", list(TEXT), sys.exc_info())
    return [b"sorry\n"]


def late_start(environ, start_response):
    """A generator: start_response is called when the first chunk is asked for."""
    start_response("200 OK", list(TEXT))
    yield b"started late\n"


def empty_chunks(environ, start_response):
    """An empty chunk says nothing, and in particular not that the body ends."""
    start_response("200 OK", list(TEXT))
    return [b"", b"before\n", b"", b"after\n", b""]


def file_wrapper(environ, start_response):
    """The server's own way to send a file, from where the file stands."""
    file = tempfile.TemporaryFile()  # noqa: SIM115: whoever sends it closes it
    file.write(b"not this\n" + b"but this\n" * 20000)
    file.seek(len(b"not this\n"))
    start_response("200 OK", list(TEXT))
    return environ.get("wsgi.file_wrapper", FileWrapper)(file)


def facts(environ, start_response):
    """The part of the environ that the request alone decides."""
    lines = [f"{key}={environ[key]!r}" for key in ("REQUEST_METHOD", "PATH_INFO", "QUERY_STRING", "SERVER_PROTOCOL")]
    # It is empty, and what is empty may be left out; an empty header of the client's may not.
    lines += [f"SCRIPT_NAME={environ.get('SCRIPT_NAME', '')!r}"]
    lines += [f"{key}={environ[key]!r}" for key in ("CONTENT_TYPE", "CONTENT_LENGTH")]
    lines += [f"{key}={environ.get(key)!r}" for key in ("HTTP_HOST", "HTTP_X_EMPTY", "HTTP_X_ABSENT")]
    lines += [f"{key}={environ[key]!r}" for key in ("wsgi.version", "wsgi.url_scheme")]
    start_response("200 OK", list(TEXT))
    return ["".join(f"{line}\n" for line in lines).encode()]


class Counted:
    """An iterable that counts how often it is closed."""

    mark = Path(tempfile.gettempdir(), "closed-count")

    def __init__(self):
        self.mark.write_bytes(b"")

    def __iter__(self):
        yield b"counted\n"

    def close(self):
        with self.mark.open("ab") as file:
            file.write(b"1")


def counted(environ, start_response):
    start_response("200 OK", list(TEXT))
    return Counted()


def count(environ, start_response):
    """The response before this one may still be on its way to its close: wait for that."""
    deadline = time.monotonic() + 4
    while not (closed := len(Counted.mark.read_bytes())) and time.monotonic() < deadline:
        time.sleep(0.01)
    start_response("200 OK", list(TEXT))
    return [f"closed {closed} time(s)\n".encode()]


APPLICATIONS = {
    "/wsgi/write": write_callable,
    "/wsgi/exc-info": exc_info,
    "/wsgi/late-start": late_start,
    "/wsgi/empty-chunks": empty_chunks,
    "/wsgi/file-wrapper": file_wrapper,
    "/wsgi/environ": facts,
    "/wsgi/counted": counted,
    "/wsgi/count": count,
}
