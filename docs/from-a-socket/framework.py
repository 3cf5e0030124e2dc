"""A WSGI framework in thirty lines: routes, a request, a response."""

from http import HTTPStatus
from urllib.parse import parse_qs


class Framework:
    def __init__(self):
        self.routes = {}

    def route(self, path):
        def remember(view):
            self.routes[path] = view
            return view

        return remember

    def __call__(self, environ, start_response):
        view = self.routes.get(environ["PATH_INFO"])
        status, body = view(Request(environ)) if view else (404, "Not found\n")
        data = body.encode()
        headers = [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", str(len(data)))]
        start_response(f"{status} {HTTPStatus(status).phrase}", headers)
        return [data]


class Request:
    def __init__(self, environ):
        self.method = environ["REQUEST_METHOD"]
        self.query = parse_qs(environ["QUERY_STRING"])
