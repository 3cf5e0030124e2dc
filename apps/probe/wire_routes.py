"""What HTTP itself asks for (RFC 9110, RFC 9112): little is needed inside the application."""

import record

BLOCK = bytes(range(64)) * 1024
BLOCKS = 1024  # of BLOCK, 64 MiB: more than sockets and readers in between hold


def body(environ):
    """The request's body, whether the server counts it or ends it."""
    if environ.get("CONTENT_LENGTH"):
        return environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
    return environ["wsgi.input"].read() if environ.get("wsgi.input_terminated") else b""


def request(environ, start_response):
    """What the request line and Host came to."""
    facts = (environ["REQUEST_METHOD"], environ.get("PATH_INFO", ""), environ.get("HTTP_HOST", "no host"))
    return record.text(start_response, " ".join(facts) + "\n")


def value(environ, start_response):
    """The header X-Value, and whether there is one."""
    return record.text(start_response, repr(environ.get("HTTP_X_VALUE")) + "\n")


def query_length(environ, start_response):
    return record.text(start_response, f"{len(environ['QUERY_STRING'])}\n")


def echo(environ, start_response):
    data = body(environ)
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(data)))])
    return [data]


def ignore(environ, start_response):
    """The body is left unread."""
    return record.text(start_response, "ignored\n")


def mark(environ, start_response):
    """Tells by /record that this request was processed."""
    record.note(record.tail(environ), "processed")
    return record.text(start_response, "processed\n")


def framing(environ, start_response):
    """How a body in chunks is handed over (no trailer may have become a header)."""
    counted = bool(environ.get("CONTENT_LENGTH")) and "HTTP_TRANSFER_ENCODING" not in environ
    told = "yes" if counted or environ.get("wsgi.input_terminated") else "no"
    trailer = environ.get("HTTP_X_VALUE")
    return record.text(start_response, f"{body(environ).decode()} readable={told} trailer={trailer}\n")


def bodiless(environ, start_response):
    """A status that has no body, with one all the same."""
    status = {"204": "204 No Content", "304": "304 Not Modified"}[record.tail(environ)]
    start_response(status, [("X-Value", "kept")])
    return [b"not to be sent"]


def blocks(environ, start_response):
    """Two blocks without a length."""
    start_response("200 OK", [("Content-Type", "text/plain")])
    yield b"one\n"
    yield b"two\n"


def secret(environ, start_response):
    """Fails; neither its message nor its source is for the client."""
    raise RuntimeError("~ a secret")


class Flood:
    """A stream too large to be sent to a client that does not read; it notes its end."""

    def __init__(self, token):
        self.token = token

    def __iter__(self):
        yield b"flood\n"
        for _ in range(BLOCKS):
            yield BLOCK

    def close(self):
        record.note(self.token, "closed")


def flood(environ, start_response):
    start_response("200 OK", [("Content-Type", "application/octet-stream")])
    return Flood(record.tail(environ))


ROUTES = {
    "/wire-request": request,
    "/wire-value": value,
    "/wire-query": query_length,
    "/wire-echo": echo,
    "/wire-ignore": ignore,
    "/wire-mark": mark,
    "/wire-framing": framing,
    "/wire-bodiless": bodiless,
    "/wire-blocks": blocks,
    "/wire-secret": secret,
    "/wire-flood": flood,
}
