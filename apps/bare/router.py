"""The few things that every web framework does first: a request, a response, a router.

Nothing here but the standard library and PEP 3333.
"""

import json
import re
from email.message import Message
from http import HTTPStatus
from http.cookies import SimpleCookie
from urllib.parse import parse_qs

BLOCK = 64 * 1024


class HTTPError(Exception):
    """Ends a request with a status; the router answers it with a line of text."""

    def __init__(self, status, headers=()):
        super().__init__(status)
        self.response = Response(f"{status} {HTTPStatus(status).phrase}\n", status, headers=headers)


class Request:
    """What the environ says, in the types that an application wants."""

    def __init__(self, environ):
        self.environ = environ
        self.method = environ["REQUEST_METHOD"]
        # PEP 3333 strings carry one byte a character, whatever the bytes mean: here they mean UTF-8.
        # And a variable whose value would be empty may be left out.
        self.path = environ.get("PATH_INFO", "").encode("latin-1").decode("utf-8", "replace")
        self.query = parse_qs(environ.get("QUERY_STRING", ""), keep_blank_values=True)

    def header(self, name, default=None):
        return self.environ.get("HTTP_" + name.upper().replace("-", "_"), default)

    @property
    def cookies(self):
        return {name: morsel.value for name, morsel in SimpleCookie(self.header("Cookie", "")).items()}

    def url(self, path):
        """An absolute URL, as PEP 3333 ("URL Reconstruction") builds it."""
        environ = self.environ
        host = environ.get("HTTP_HOST") or f"{environ['SERVER_NAME']}:{environ['SERVER_PORT']}"
        return f"{environ['wsgi.url_scheme']}://{host}{environ.get('SCRIPT_NAME', '')}{path}"

    def blocks(self):
        """The body, a block at a time.

        It ends after CONTENT_LENGTH bytes. A chunked body need not have that: it is for a
        server that sets wsgi.input_terminated to say where such a body ends.
        """
        length = self.environ.get("CONTENT_LENGTH")
        if not length:
            length = "inf" if self.environ.get("wsgi.input_terminated") else "0"
        left = float(length)
        while left > 0 and (block := self.environ["wsgi.input"].read(int(min(left, BLOCK)))):
            left -= len(block)
            yield block

    def body(self):
        return b"".join(self.blocks())

    def form(self):
        return parse_qs(self.body().decode("utf-8", "replace"), keep_blank_values=True)

    def json(self):
        try:
            return json.loads(self.body())
        except ValueError:
            raise HTTPError(400) from None

    def parts(self):
        """The parts of a multipart/form-data body (RFC 7578): (parameters, content type, bytes)."""
        boundary = parameters(self.environ.get("CONTENT_TYPE", ""), "content-type").get("boundary", "")
        # The first delimiter may begin the body; every other one has a line end of its own before it.
        pieces = (b"\r\n" + self.body()).split(b"\r\n--" + boundary.encode("latin-1"))
        for piece in pieces[1:-1]:
            head, _, content = piece.removeprefix(b"\r\n").partition(b"\r\n\r\n")
            fields = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
            yield (
                parameters(fields["Content-Disposition"], "content-disposition"),
                fields.get("Content-Type", "text/plain"),
                content,
            )


def parameters(value, name):
    """The parameters of a header such as `form-data; name="file"`."""
    message = Message()
    message[name] = value
    return dict(message.get_params([], header=name)[1:])


class Response:
    """A status, headers, and a body: text, bytes, or any iterable of bytes."""

    def __init__(self, body=b"", status=200, content_type="text/plain; charset=utf-8", headers=()):
        self.status = f"{status} {HTTPStatus(status).phrase}"
        self.headers = [*headers]
        if content_type and status not in (204, 304):
            self.headers.append(("Content-Type", content_type))
        if isinstance(body, str):
            body = body.encode()
        if isinstance(body, bytes):
            if status not in (204, 304):
                self.headers.append(("Content-Length", str(len(body))))
            body = [body]
        self.body = body


class Router:
    """A WSGI application that hands each request to the function for its path and method."""

    def __init__(self):
        self.routes = []  # (compiled pattern, {method: function})
        self.mounted = {}  # path: WSGI application

    def route(self, pattern, *methods):
        """Registers a function: `/items/{id}`, or `/path/{rest:.*}` with an expression of its own."""
        regexp = re.sub(r"{(\w+)(?::([^}]+))?}", lambda m: f"(?P<{m[1]}>{m[2] or '[^/]+'})", pattern)
        compiled = re.compile(regexp)

        def register(function):
            for known, functions in self.routes:
                if known == compiled:
                    break
            else:
                functions = {}
                self.routes.append((compiled, functions))
            functions.update(dict.fromkeys(methods or ("GET",), function))
            return function

        return register

    def mount(self, path, application):
        """Registers a WSGI application, which then has the request to itself."""
        self.mounted[path] = application

    def __call__(self, environ, start_response):
        if application := self.mounted.get(environ.get("PATH_INFO")):
            return application(environ, start_response)
        request = Request(environ)
        try:
            response = self.answer(request)
        except HTTPError as error:
            response = error.response
        start_response(response.status, response.headers)
        if request.method == "HEAD":
            # The headers are those of GET; the body is nobody's (RFC 9110 §9.3.2).
            if close := getattr(response.body, "close", None):
                close()
            return []
        return response.body

    def answer(self, request):
        for pattern, functions in self.routes:
            if match := pattern.fullmatch(request.path):
                return self.call(functions, request, match.groupdict())
        raise HTTPError(404)

    def call(self, functions, request, arguments):
        method = request.method
        if method == "HEAD" and "HEAD" not in functions:
            method = "GET"
        if function := functions.get(method):
            return function(request, **arguments)
        allow = [("Allow", ", ".join(allowed(functions)))]
        if method == "OPTIONS":
            return Response(status=204, headers=allow)
        raise HTTPError(405, allow)


def allowed(functions):
    methods = {*functions, "OPTIONS"}
    if "GET" in methods:
        methods.add("HEAD")
    return sorted(methods)
