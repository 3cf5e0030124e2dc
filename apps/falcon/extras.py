"""What the application adds to Falcon: chunked bodies, sessions, and the time of a file."""

import io
import os
from datetime import datetime, timezone
from functools import cached_property

import falcon
from itsdangerous import BadSignature, URLSafeSerializer

LONGEST_BODY = 64 * 1024 * 1024


class Request(falcon.Request):
    """A request whose body may have come in chunks.

    Such a body has no CONTENT_LENGTH, unless the server has read it ahead; Falcon then takes
    it for empty, even if the server says that the input ends by itself (wsgi.input_terminated).
    """

    @cached_property
    def bounded_stream(self):
        if self.env.get("wsgi.input_terminated") and self.content_length is None:
            return falcon.BoundedStream(self.stream, LONGEST_BODY)
        return super().bounded_stream


class Sessions:
    """Middleware: req.context.session goes out in a signed cookie, and comes back in it."""

    def __init__(self, key):
        self.serializer = URLSafeSerializer(key, salt="session")

    def load(self, req):
        try:
            return self.serializer.loads(req.cookies.get("session", ""))
        except BadSignature:
            return {}

    def process_request(self, req, resp):
        req.context.session = self.load(req)

    def process_response(self, req, resp, resource, req_succeeded):
        session = req.context.session
        if session == self.load(req):
            return
        if session:
            resp.set_cookie("session", self.serializer.dumps(session), path="/", same_site="Lax")
        else:
            resp.unset_cookie("session", path="/")


class LastModified:
    """Middleware: a whole file has a date, and need not be sent twice.

    Before version 4 the static route knows ranges alone.
    """

    def process_response(self, req, resp, resource, req_succeeded):
        if not isinstance(resp.stream, io.BufferedReader):
            return
        seconds = int(os.fstat(resp.stream.fileno()).st_mtime)
        modified = datetime.fromtimestamp(seconds, timezone.utc).replace(tzinfo=None)  # as Falcon's own
        resp.last_modified = modified
        since = req.if_modified_since
        if since is not None and modified <= since:
            resp.stream.close()
            resp.stream = None
            resp.status = falcon.HTTP_304
            resp.delete_header("Content-Type")
            resp.delete_header("Content-Length")
