"""Responses: start_response, write, the iterable, and their framing on the wire."""

import http
import re
import sys
import traceback
from contextlib import suppress
from email.utils import formatdate

from files import FileWrapper
from heads import TOKEN, Gone
from mutations import wrong

STATUS = re.compile(r"[1-9][0-9]{2} [\t\x20-\x7e\x80-\xff]*")
VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
FRAMING = {"content-length", "transfer-encoding"}
HOP_BY_HOP = {
    "connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "te", "trailer",
    "transfer-encoding", "upgrade",
}  # fmt: skip


class Output:
    """The sending side of a connection."""

    def __init__(self, sock):
        self.sock = sock
        self.kept = b""  # a mutation's

    def send(self, data):
        if wrong("buffered") or wrong("close-error-answered"):
            self.kept += data
            return
        if wrong("last-part-kept"):
            data = self.kept + data
            data, self.kept = data[:-4096], data[-4096:]
        self.sendall(data)

    def sendall(self, data):
        try:
            self.sock.sendall(data)
        except OSError as exc:
            raise Gone from exc

    def flush(self):
        data, self.kept = self.kept, b""
        self.sendall(data)


class Response:
    """One call of the application, from start_response to close()."""

    def __init__(self, request, output):
        self.request = request
        self.output = output
        self.keep = persistent(request)
        self.started = False
        self.status = None
        self.headers = []
        self.sent = False  # whether the head has been sent
        self.chunked = False
        self.wrapped = False  # what is returned is the file wrapper
        self.left = None  # bytes until Content-Length is reached
        self.later = b""  # written, and not sent yet: a mutation's
        self.iterator = self.exc_info = None  # mutations'

    # What the application calls

    def start(self, status, headers, exc_info=None, /):
        try:
            self.check_turn(exc_info)
            if wrong("exc-info-kept"):
                self.exc_info = exc_info
        finally:
            exc_info = None  # no cycle with this frame
        if not wrong("failed-start-forgotten"):
            self.started = True
        check_status(status)
        check_headers(headers)
        self.started = True
        if self.status is None or not wrong("exc-info-keeps-status"):
            self.status = status
        if not (self.headers and wrong("exc-info-keeps-headers")):
            self.headers = list(headers)
        return None if wrong("write-none") else self.write

    def check_turn(self, exc_info):
        if not exc_info:
            if self.started and not wrong("start-twice"):
                raise AssertionError("start_response was called before")
        elif not self.started and wrong("exc-info-needs-start"):
            raise AssertionError("exc_info in the first call")
        elif self.sent and not wrong("exc-info-late-ignored"):
            try:
                if wrong("exc-info-late-own"):
                    raise AssertionError("the head has been sent")
                raise exc_info[1].with_traceback(exc_info[2])
            finally:
                exc_info = None  # no cycle with this frame

    def write(self, data, /):
        check_bytes(data)
        if self.held():
            self.later += data
        elif wrong("write-not-counted") and self.length() is not None:
            self.send_head()
            self.output.send(data)
        else:
            self.send(data)

    def held(self):
        names = ("write-later", "write-kept", "write-dropped", "length-ignores-written")
        return any(wrong(name) for name in names)

    # Sending

    def send(self, data, generated=None):
        """Sends a chunk; behind the head, if it is the first. `generated` is a Content-Length."""
        if wrong("chunk-as-text") and not isinstance(data, bytes):
            data = str(data).encode()
        check_bytes(data)
        if not data and not (wrong("empty-chunk-sends-head") or (self.sent and wrong("empty-chunk-ends"))):
            return
        self.send_head(generated)
        if self.left is not None and not wrong("length-not-cut"):
            data = data[: self.left]
        if self.left is not None:
            self.left -= len(data)
        if self.has_body() and (data or wrong("empty-chunk-ends")):
            self.output.send(b"%x\r\n%b\r\n" % (len(data), data) if self.chunked else data)

    def has_body(self):
        if self.request.method == "HEAD":
            return wrong("head-with-body") or (self.wrapped and wrong("file-to-head"))
        return not bodiless(self.status) or wrong("bodiless-with-body")

    def complete(self):
        """Whether nothing more can be sent."""
        return self.sent and (not self.has_body() or (self.left is not None and self.left <= 0))

    def length(self):
        """The application's Content-Length."""
        for name, value in self.headers:
            if name.lower() == "content-length" and value.isdigit():
                return int(value)
        return None

    def send_head(self, generated=None):
        if self.sent:
            return
        if self.status is None:
            if not wrong("never-started-200"):
                raise AssertionError("start_response was not called")
            self.status = "200 OK"
        self.sent = True
        self.frame(generated)
        self.output.send(head(self.request, self.status, self.headers, self.keep))

    def frame(self, generated):
        """Chooses how the client sees the end (RFC 9112, section 6.3)."""
        self.left = self.length()
        if bodiless(self.status) and not wrong("bodiless-with-body"):
            if self.status.startswith("204"):
                self.headers = [pair for pair in self.headers if pair[0].lower() != "content-length"]
                if wrong("bodiless-counted"):
                    self.headers.append(("Content-Length", "0"))
            self.left = None
        elif self.left is None and generated is not None:
            self.left = generated
            self.headers.append(("Content-Length", str(generated)))
        elif self.left is None and wrong("unframed-kept-open"):
            pass
        elif self.left is None and (not self.request.old or wrong("chunked-to-1.0")):
            self.chunked = True
            self.headers.append(("Transfer-Encoding", "chunked"))
        elif self.left is None:
            self.keep = self.keep and wrong("old-stream-kept-open")
        if self.request.method == "HEAD" and wrong("head-length-zero"):
            self.headers = [(name, value) for name, value in self.headers if name.lower() not in FRAMING]
            self.headers.append(("Content-Length", "0"))

    def finish(self):
        """What is left to do when the application has returned everything."""
        if not self.sent and wrong("no-chunk-no-head"):
            self.keep = False
            return
        self.send_head(None if self.request.method == "HEAD" else 0)
        if self.chunked and self.has_body():
            self.output.send(b"0\r\n\r\n")
        if self.left and self.has_body() and not wrong("short-kept-open"):
            log("the body is shorter than its Content-Length")
            self.keep = False

    def fail(self):
        """An exception: 500, or the client is shown that the response is not whole."""
        if not wrong("error-not-logged"):
            log(traceback.format_exc())
        if wrong("error-unanswered"):
            self.keep = False
        elif self.sent or (self.status and wrong("error-keeps-start")):
            self.fail_later()
        else:
            page = traceback.format_exc() if wrong("traceback-shown") else "Internal Server Error\n"
            body = page.encode("latin-1", "replace")
            self.sent = True
            headers = [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))]
            self.output.send(head(self.request, "500 Internal Server Error", headers, self.keep))
            if self.request.method != "HEAD" or wrong("error-page-to-head"):
                self.output.send(body)

    def fail_later(self):
        if wrong("error-ends-chunks") or wrong("error-keeps-start"):
            self.finish()
        else:
            self.keep = wrong("error-keeps-connection")

    # The application

    def run(self, app, environ):
        """Calls the application and sends what it says; tells whether the connection stays."""
        result, failed = None, False
        try:
            result = call(app, environ, self.start)
            if wrong("environ-needed-later"):
                self.request.method = environ["REQUEST_METHOD"]
            self.send_all(result)
        except Gone:
            failed = wrong("close-not-when-gone")
            raise
        except Exception:
            failed = wrong("close-not-after-error")
            self.fail()
        finally:
            if not failed:
                self.close(result)
        self.output.flush()
        return self.keep

    def send_all(self, result):
        if wrong("start-expected-early") and not self.started:
            raise AssertionError("start_response has not been called")
        if wrong("iterable-asked"):
            getattr(result, "fileno", None)
        if result is None and wrong("none-is-empty"):
            result = []
        self.wrapped = isinstance(result, FileWrapper)
        self.iterator = chunks(result)
        if wrong("write-kept"):
            self.release()
        self.send_chunks(size_of(result))
        if wrong("write-later"):
            self.release()
        self.finish()

    def send_chunks(self, size):
        for chunk in self.iterator:
            if self.wrapped and self.length() is not None and wrong("file-uncut"):
                self.send_head()
                self.output.send(chunk)
                continue
            generated = self.generated(size, chunk)
            if wrong("write-dropped") or wrong("length-ignores-written"):
                self.release(generated if wrong("length-ignores-written") else None)
            self.send(chunk, generated)
            if self.complete() and not wrong("length-asked-to-end"):
                break

    def release(self, generated=None):
        """Sends what a mutation has kept of write()."""
        data, self.later = self.later, b""
        self.send(data, generated)

    def generated(self, size, chunk):
        """The Content-Length of a body of one chunk (PEP 3333), if it is one."""
        if wrong("length-is-len"):
            return size
        return len(chunk) if size == 1 and isinstance(chunk, bytes) else None

    def close(self, result):
        if wrong("close-not-called"):
            return
        if wrong("close-not-without-body") and self.sent and not self.has_body():
            return
        if wrong("close-not-when-cut") and self.left == 0:
            return
        closing = self.iterator if wrong("iterator-closed") else result
        try:
            if hasattr(closing, "close"):
                closing.close()
                if wrong("close-twice"):
                    closing.close()
        except Exception:
            log(traceback.format_exc())
            if wrong("close-error-answered"):
                self.output.kept, self.sent = b"", False
                self.fail()


def call(app, environ, start):
    if wrong("called-by-name"):
        return app(environ=environ, start_response=start)
    return app(environ, start)


def size_of(result):
    with suppress(TypeError):
        return len(result)
    return None


def chunks(result):
    if isinstance(result, FileWrapper) and wrong("file-not-iterable"):
        return result.blocks()
    return result.__iter__() if wrong("iter-attribute") else iter(result)


def persistent(request):
    """Whether the connection stays open after the response (RFC 9112, section 9.3)."""
    if request.old:
        return "keep-alive" in request.members("connection")
    if wrong("close-ignored"):
        return True
    options = request.values if wrong("close-listed-ignored") else request.members
    return "close" not in options("connection")


def bodiless(status):
    return str(status)[:3] in ("204", "304") or str(status).startswith("1")


def check_bytes(data):
    if type(data) is not bytes and not wrong("chunk-as-text"):
        raise TypeError(f"a chunk is {type(data).__name__}, not bytes")


def check_status(status):
    if wrong("status-unchecked"):
        return
    if type(status) is not str or not STATUS.fullmatch(status):
        raise ValueError(f"not a status: {status!r}")


def check_headers(headers):
    if wrong("headers-unchecked"):
        return
    if type(headers) is not list:
        raise TypeError("the headers are not a list")
    for name, value in headers:
        if type(name) is not str or type(value) is not str:
            raise TypeError("a header is not two str")
        if not TOKEN.fullmatch(name) or not VALUE.fullmatch(value):
            raise ValueError(f"not a header: {name!r}: {value!r}")
        if name.lower() in HOP_BY_HOP and not wrong("hop-by-hop-sent"):
            raise ValueError(f"not the application's: {name}")


def head(request, status, headers, keep):
    """The bytes of a response's head."""
    version = request.version if request and wrong("version-echoed") else "HTTP/1.1"
    if wrong("reason-of-list"):
        status = registered(status)
    lines = [f"{version} {status}"] + [f"{name}: {value}" for name, value in shown(headers)]
    names = {name.lower() for name, _ in headers}
    both = wrong("date-doubled")
    if ("date" not in names or both) and not wrong("no-date") and dated(status):
        lines.append(f"Date: {formatdate(usegmt=True)}")
    if "server" not in names or both:
        lines.append("Server: selfcheck")
    if not keep and not wrong("close-ignored"):
        lines.append("Connection: close")
    elif keep and request and request.old:
        lines.append("Connection: keep-alive")
    return "\r\n".join([*lines, "", ""]).encode("utf-8" if wrong("headers-utf8") else "latin-1")


def dated(status):
    return str(status).startswith("200") or not wrong("date-200")


def registered(status):
    with suppress(ValueError):
        return f"{status[:3]} {http.HTTPStatus(int(status[:3])).phrase}"
    return f"{status[:3]} Unknown"


def shown(headers):
    if wrong("empty-value-dropped"):
        return [(name, value) for name, value in headers if value]
    if wrong("cookies-joined"):
        joined = {}
        for name, value in headers:
            joined[name] = f"{joined[name]}, {value}" if name in joined else value
        return list(joined.items())
    return headers


def log(text):
    print(text, file=sys.stderr, flush=True)
