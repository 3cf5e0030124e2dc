"""A request's environ (PEP 3333, environ Variables)."""

import io
import re
import sys
from urllib.parse import unquote_plus, unquote_to_bytes

from files import FileWrapper
from mutations import wrong

NAME = "matrix-selfcheck"
SHARED = {}  # a mutation's


class Dict(dict):
    """A mutation's environ."""


def environ(request, stream, size, peer, port):
    """`size` is the number of bytes in `stream`, or None when there is no body."""
    made = variables(request, size, peer, port) | wsgi(request, stream)
    if wrong("environ-subclass"):
        return Dict(made)
    if wrong("environ-shared"):
        SHARED.update(made)
        return SHARED
    return made


def variables(request, size, peer, port):
    made = {
        "REQUEST_METHOD": request.method.lower() if wrong("method-lower") else request.method,
        "SCRIPT_NAME": "/" if wrong("root-in-script-name") else "",
        "PATH_INFO": path_info(request.path),
        "QUERY_STRING": unquote_plus(request.query) if wrong("query-decoded") else request.query,
        "SERVER_NAME": (request.host or "") if wrong("server-from-host") else NAME,
        "SERVER_PORT": port if wrong("port-int") else "http" if wrong("port-name") else str(port),
        "SERVER_PROTOCOL": protocol(request),
        "SERVER_SOFTWARE": NAME,
        "REMOTE_ADDR": address(request, peer),
    }
    if wrong("own-name-upper"):
        made["SELFCHECK"] = "here"
    return made | headers(request) | entity(request, size)


def protocol(request):
    if wrong("protocol-1.0"):
        return "HTTP/1.0"
    return "HTTP/1.1" if wrong("protocol-1.1") else request.version


def address(request, peer):
    forwarded = request.values("x-forwarded-for")
    if forwarded and wrong("forwarded-believed"):
        return forwarded[0]
    return f"{peer[0]}:{peer[1]}" if wrong("peer-with-port") else peer[0]


def path_info(path):
    path = path_as_sent(path)
    if wrong("path-encoded-again"):
        return path.replace("%", "%25")
    if wrong("path-bad-percent-cut"):
        path = re.sub("%(?![0-9A-Fa-f]{2})", "", path)
    if wrong("path-plus-space"):
        path = path.replace("+", " ")
    if wrong("path-encoded"):
        return path
    data = unquote_to_bytes(path.encode("latin-1"))
    if wrong("path-decoded-twice"):
        data = unquote_to_bytes(data)
    if wrong("path-utf8"):
        return data.decode("utf-8", "replace")
    return path_decoded(data.decode("latin-1"))


def path_as_sent(path):
    if path.count("/") == 1 and wrong("path-slash-added"):
        return path.rstrip("/") + "/"
    if wrong("path-slash-removed"):
        return path.rstrip("/")
    if wrong("path-parameters-cut"):
        before, slash, last = path.rpartition("/")
        return before + slash + last.partition(";")[0]
    return path


def path_decoded(path):
    if wrong("path-nul-ends"):
        return path.partition("\0")[0]
    if wrong("path-dots-cut"):
        return "/".join(segment for segment in path.split("/") if segment not in (".", ".."))
    if wrong("path-split-late"):
        return path.partition("?")[0]
    return path


def headers(request):
    made = {}
    for lower, name, value in request.fields:
        if lower in ("content-type", "content-length", "transfer-encoding", "host"):
            continue
        if ("_" in name and not wrong("underscore-kept")) or (lower == "proxy" and not wrong("proxy-kept")):
            continue
        if not value and wrong("empty-header-dropped"):
            continue
        upper = name if wrong("header-case-kept") else name.upper()
        key = "HTTP_" + upper.replace("-", "_")
        if key in made and not wrong("headers-last-wins"):
            semicolon = lower == "cookie" and not wrong("cookies-with-comma")
            value = made[key] + ("; " if semicolon else ",") + value
        made[key] = value.encode("latin-1").decode("utf-8", "replace") if wrong("header-utf8") else value
    if request.host is not None or wrong("host-invented"):
        made["HTTP_HOST"] = request.host or NAME
    return made


def entity(request, size):
    """CONTENT_TYPE and CONTENT_LENGTH: a body that came in chunks is counted."""
    made = {}
    types = request.values("content-type")
    if types or wrong("type-by-default"):
        made["CONTENT_TYPE"] = types[0] if types else "text/plain"
    if size is not None and not (wrong("chunked-uncounted") and request.members("transfer-encoding")):
        made["CONTENT_LENGTH"] = str(size)
    if wrong("underscore-kept") and any(name == "content_length" for name, _, _ in request.fields):
        made["CONTENT_LENGTH"] = "0"
    if wrong("content-under-http"):
        return made | {"HTTP_" + key: value for key, value in made.items()}
    return {"HTTP_" + key: value for key, value in made.items()} if wrong("content-only-http") else made


def scheme(request):
    if "https" in request.values("x-forwarded-proto") and wrong("forwarded-believed"):
        return "https"
    return "HTTP" if wrong("scheme-upper") else "http"


def wsgi(request, stream):
    return {
        "wsgi.version": [1, 0] if wrong("version-list") else (1, 0),
        "wsgi.url_scheme": scheme(request),
        "wsgi.input": stream,
        "wsgi.errors": errors(),
        "wsgi.multithread": not wrong("multithread-false"),
        "wsgi.multiprocess": False,
        "wsgi.run_once": wrong("run-once"),
        "wsgi.file_wrapper": None if wrong("file-wrapper-absent") else FileWrapper,
    }


class NoWritelines:
    """A mutation's wsgi.errors."""

    write, flush = sys.stderr.write, sys.stderr.flush


def errors():
    if wrong("errors-no-writelines"):
        return NoWritelines()
    if wrong("errors-bytes"):
        return sys.stderr.buffer
    if wrong("errors-lost"):
        return io.StringIO()
    if wrong("errors-latin-1"):
        return io.TextIOWrapper(io.BytesIO(), encoding="latin-1")
    return sys.stderr
