"""The common scenario as a Falcon application: https://falcon.readthedocs.io.

What Falcon leaves to its users, and this application needs, stands in extras.py.
"""

import base64
import hmac
import io
import tempfile
import time
from hashlib import sha256
from pathlib import Path

import falcon
import jinja2
from falcon import uri

import extras

HERE = Path(__file__).parent
# A real application reads its key from its environment, and keeps it to itself.
KEY = "not a secret: the golden responses are public"
PASSWORD = base64.b64encode(b"alice:wonderland")
pages = jinja2.Environment(loader=jinja2.FileSystemLoader(HERE / "templates"), autoescape=True)


def text(resp, body):
    resp.content_type = falcon.MEDIA_TEXT
    resp.text = body


def lines(resp, values):
    """Keys with all their values, a line each."""
    # Falcon has a list where a key comes more than once, else a str.
    values = {key: [value] if isinstance(value, str) else value for key, value in values.items()}
    text(resp, "".join(f"{key}={', '.join(values[key])}\n" for key in sorted(values)))


class Hello:
    def on_get(self, req, resp):
        text(resp, "Hello world from Falcon!\n")

    on_head = on_get


# Methods


class Item:
    def on_get(self, req, resp, id):
        resp.media = {"id": id, "name": f"item {id}"}

    on_head = on_get

    def on_put(self, req, resp, id):
        resp.media = {"id": id, **req.media}

    def on_patch(self, req, resp, id):
        resp.media = {"id": id, "name": f"item {id}", **req.media}

    def on_delete(self, req, resp, id):
        resp.media = {"deleted": id}


class Empty:
    def on_get(self, req, resp):
        resp.status = falcon.HTTP_204


# What a request carries


class Query:
    def on_get(self, req, resp):
        lines(resp, req.params)


def path(req, resp, rest):
    """A sink: a route's fields end at a slash."""
    text(resp, rest + "\n")


class Form:
    def on_post(self, req, resp):
        lines(resp, req.media)


class Multipart:
    def on_post(self, req, resp):
        answer = ""
        for part in req.media:
            if part.filename is None:
                answer += f"{part.name}={part.text}\n"
                continue
            digest = sha256(part.data).hexdigest()
            answer += f"{part.name}: {part.filename}, {part.content_type}, {len(part.data)} bytes, {digest}\n"
        text(resp, answer)


class Json:
    def on_post(self, req, resp):
        data = req.media
        resp.media = {"greeting": f"Hello {data['name']}", "sum": sum(data["numbers"])}


class Header:
    def on_get(self, req, resp):
        text(resp, req.get_header("X-Latin", default="").encode("latin-1").hex() + "\n")


class Tags:
    def on_get(self, req, resp):
        # Lines of one name are joined by a comma, with or without a space (RFC 9110 §5.3).
        joined = req.get_header("X-Tag", default="")
        text(resp, "".join(f"{tag.strip()}\n" for tag in joined.split(",")))


class Upload:
    def on_post(self, req, resp):
        length, digest = 0, sha256()
        while block := req.bounded_stream.read(64 * 1024):
            length += len(block)
            digest.update(block)
        text(resp, f"{length} {digest.hexdigest()}\n")


class Ignore:
    def on_post(self, req, resp):
        text(resp, "ignored\n")


# State that the client keeps


class Cookies:
    def on_get(self, req, resp):
        resp.set_cookie("flavour", "vanilla", path="/", http_only=False)
        resp.set_cookie("theme", "dark", path="/", same_site="Lax")
        resp.set_cookie("lang", "fr", path="/items", http_only=False)
        text(resp, "".join(f"{name}={value}\n" for name, value in sorted(req.cookies.items())))


class Login:
    def on_post(self, req, resp):
        user = req.media["user"]
        req.context.session["user"] = user
        text(resp, f"welcome {user}\n")


class WhoAmI:
    def on_get(self, req, resp):
        if "user" not in req.context.session:
            raise falcon.HTTPForbidden
        text(resp, f"{req.context.session['user']}\n")


class Logout:
    def on_post(self, req, resp):
        req.context.session.clear()
        text(resp, "goodbye\n")


def authenticate(req, resp, resource, params):
    """A hook: it runs before the responder, or instead of it."""
    scheme, _, credentials = (req.auth or "").partition(" ")
    if scheme.lower() != "basic" or not hmac.compare_digest(credentials.encode(), PASSWORD):
        raise falcon.HTTPUnauthorized(challenges=['Basic realm="the matrix"'])
    req.context.user = "alice"


class Secret:
    @falcon.before(authenticate)
    def on_get(self, req, resp):
        text(resp, f"hello {req.context.user}\n")


# URLs, pages and files


class Old:
    def on_get(self, req, resp):
        raise falcon.HTTPFound(f"{req.prefix}/hello")


class Links:
    def on_get(self, req, resp):
        # Falcon's router leads to resources and not back: falcon.uri encodes names and values.
        paths = [
            "/hello",
            f"/items/{7}",
            uri.encode("/path/café/x y"),
            "/query" + falcon.to_query_str({"q": "a&b"}),
            "/static/style.css",
            f"{req.prefix}/hello",
        ]
        text(resp, "".join(f"{link}\n" for link in paths))


class Page:
    def on_get(self, req, resp):
        resp.content_type = falcon.MEDIA_HTML
        resp.text = pages.get_template("page.html").render(name=req.get_param("name", default="nobody"))


class Download:
    def on_get(self, req, resp):
        size = 2 * 1024 * 1024
        content = (bytes(range(251)) * (size // 251 + 1))[:size]
        resp.content_type = "application/octet-stream"
        resp.downloadable_as = "pattern.bin"
        resp.set_stream(io.BytesIO(content), size)


# Streams and failures


class Stream:
    def on_get(self, req, resp):
        resp.content_type = falcon.MEDIA_TEXT
        resp.stream = self.chunks()

    def chunks(self):
        yield b"one\n"
        time.sleep(0.1)
        yield b"two\n"
        time.sleep(0.1)
        yield b"three\n"


def closed_mark(token):
    """A file in /tmp, since another process may be asked about it."""
    return Path(tempfile.gettempdir(), f"flow-{token}-closed")


class Flow:
    def on_get(self, req, resp, token):
        blocks = req.get_param_as_int("blocks", min_value=0, max_value=1024, default=1024)
        mark = closed_mark(token)
        mark.unlink(missing_ok=True)
        resp.content_type = "application/octet-stream"
        resp.stream = self.chunks(blocks, mark)

    def chunks(self, blocks, mark):
        try:
            yield b"flowing\n"
            for _ in range(blocks):
                yield bytes(64 * 1024)
        finally:
            mark.touch()


class FlowClosed:
    def on_get(self, req, resp, token):
        resp.content_type = falcon.MEDIA_TEXT
        resp.stream = self.chunks(closed_mark(token))

    def chunks(self, mark):
        # A dot at a time, so that a server with one thread gets its turn to notice that a client has left.
        deadline = time.monotonic() + 4
        while not mark.exists() and time.monotonic() < deadline:
            yield b"."
            time.sleep(0.01)
        yield b"closed\n" if mark.exists() else b"open\n"


class Error:
    def on_get(self, req, resp):
        raise RuntimeError("before the response")


class Broken:
    def on_get(self, req, resp):
        resp.content_type = falcon.MEDIA_TEXT
        resp.stream = self.chunks()

    def chunks(self):
        yield b"the first chunk\n"
        raise RuntimeError("after the first chunk")


ROUTES = {
    "/hello": Hello(),
    "/items/{id:int}": Item(),
    "/empty": Empty(),
    "/query": Query(),
    "/form": Form(),
    "/multipart": Multipart(),
    "/json": Json(),
    "/header": Header(),
    "/tags": Tags(),
    "/upload": Upload(),
    "/ignore": Ignore(),
    "/cookies": Cookies(),
    "/login": Login(),
    "/whoami": WhoAmI(),
    "/logout": Logout(),
    "/secret": Secret(),
    "/old": Old(),
    "/links": Links(),
    "/page": Page(),
    "/download": Download(),
    "/stream": Stream(),
    "/flow/{token}": Flow(),
    "/flow/{token}/closed": FlowClosed(),
    "/error": Error(),
    "/broken": Broken(),
}


def make_app():
    made = falcon.App(
        request_type=extras.Request,
        middleware=[extras.Sessions(KEY), extras.LastModified()],
    )
    made.resp_options.secure_cookies_by_default = False  # the matrix speaks http
    for template, resource in ROUTES.items():
        made.add_route(template, resource)
    made.add_sink(path, r"/path/(?P<rest>.*)")
    made.add_static_route("/static", str(HERE / "static"))
    return made


app = make_app()
