"""The common scenario as a Pyramid application: https://docs.pylonsproject.org/projects/pyramid/."""

import io
import tempfile
import time
from hashlib import sha256
from pathlib import Path

from pyramid.authentication import extract_http_basic_credentials
from pyramid.config import Configurator
from pyramid.exceptions import PredicateMismatch
from pyramid.httpexceptions import (
    HTTPBadRequest,
    HTTPForbidden,
    HTTPFound,
    HTTPMethodNotAllowed,
    HTTPNoContent,
    HTTPUnauthorized,
)
from pyramid.response import FileIter, Response
from pyramid.session import SignedCookieSessionFactory
from pyramid.view import notfound_view_config, view_config, view_defaults

STATIC = str(Path(__file__).parent / "static")


def lines(values):
    """Keys with all their values, a line each."""
    return "".join(f"{key}={', '.join(values.getall(key))}\n" for key in sorted(set(values)))


def json_body(request):
    try:
        return request.json_body
    except ValueError as error:
        raise HTTPBadRequest("the body is not JSON") from error


@view_config(route_name="hello", request_method="GET")
def hello(request):
    return Response("Hello world from Pyramid!\n", content_type="text/plain")


# Methods


@view_defaults(route_name="item", renderer="json")
class Item:
    def __init__(self, request):
        self.request = request
        self.id = int(request.matchdict["id"])

    @view_config(request_method="GET")
    def show(self):
        return {"id": self.id, "name": f"item {self.id}"}

    @view_config(request_method="PUT")
    def replace(self):
        return {"id": self.id, **json_body(self.request)}

    @view_config(request_method="PATCH")
    def change(self):
        return {"id": self.id, "name": f"item {self.id}", **json_body(self.request)}

    @view_config(request_method="DELETE")
    def delete(self):
        return {"deleted": self.id}


@notfound_view_config()
def no_view(request):
    """A path without a route is 404; a route without a view for the method has views for others."""
    if not isinstance(request.exception, PredicateMismatch):
        return request.exception
    allow = ", ".join(sorted(methods_of(request.matched_route.name, request.registry.introspector)))
    if request.method == "OPTIONS":
        return HTTPNoContent(headers=[("Allow", allow)])
    return HTTPMethodNotAllowed(headers=[("Allow", allow)])


def methods_of(route_name, introspector):
    allowed = {"OPTIONS"}
    for entry in introspector.get_category("views"):
        view = entry["introspectable"]
        if view["route_name"] == route_name:
            methods = view["request_methods"]
            allowed.update([methods] if isinstance(methods, str) else methods)
    return allowed | {"HEAD"} if "GET" in allowed else allowed


@view_config(route_name="empty", request_method="GET")
def empty(request):
    return HTTPNoContent()


# What a request carries


@view_config(route_name="query", request_method="GET", renderer="string")
def query(request):
    return lines(request.GET)


@view_config(route_name="path", request_method="GET", renderer="string")
def path(request):
    return request.matchdict["rest"] + "\n"


@view_config(route_name="form", request_method="POST", renderer="string")
def form(request):
    return lines(request.POST)


@view_config(route_name="multipart", request_method="POST", renderer="string")
def multipart(request):
    answer = ""
    for name, field in request.POST.items():
        if isinstance(field, str):
            answer += f"{name}={field}\n"
            continue
        content = field.file.read()
        digest = sha256(content).hexdigest()
        answer += f"{name}: {field.filename}, {field.type}, {len(content)} bytes, {digest}\n"
    return answer


@view_config(route_name="json", request_method="POST", renderer="json")
def json_in_and_out(request):
    data = json_body(request)
    return {"greeting": f"Hello {data['name']}", "sum": sum(data["numbers"])}


@view_config(route_name="header", request_method="GET", renderer="string")
def header(request):
    return request.headers.get("X-Latin", "").encode("latin-1").hex() + "\n"


@view_config(route_name="tags", request_method="GET", renderer="string")
def tags(request):
    # Lines of one name are joined by a comma, with or without a space (RFC 9110 §5.3).
    return "".join(f"{tag.strip()}\n" for tag in request.headers.get("X-Tag", "").split(","))


@view_config(route_name="upload", request_method="POST", renderer="string")
def upload(request):
    length, digest = 0, sha256()
    while block := request.body_file.read(64 * 1024):
        length += len(block)
        digest.update(block)
    return f"{length} {digest.hexdigest()}\n"


@view_config(route_name="ignore", request_method="POST", renderer="string")
def ignore(request):
    return "ignored\n"


# State that the client keeps


@view_config(route_name="cookies", request_method="GET", renderer="string")
def cookies(request):
    request.response.set_cookie("flavour", "vanilla")
    request.response.set_cookie("theme", "dark", httponly=True, samesite="Lax")
    request.response.set_cookie("lang", "fr", path="/items")
    return "".join(f"{name}={value}\n" for name, value in sorted(request.cookies.items()))


@view_config(route_name="login", request_method="POST", renderer="string")
def login(request):
    request.session["user"] = request.POST["user"]
    return f"welcome {request.session['user']}\n"


@view_config(route_name="whoami", request_method="GET", renderer="string")
def whoami(request):
    if "user" not in request.session:
        raise HTTPForbidden
    return f"{request.session['user']}\n"


@view_config(route_name="logout", request_method="POST", renderer="string")
def logout(request):
    request.session.invalidate()
    return "goodbye\n"


@view_config(route_name="secret", request_method="GET", renderer="string")
def secret(request):
    credentials = extract_http_basic_credentials(request)
    if credentials != ("alice", "wonderland"):
        raise HTTPUnauthorized(headers=[("WWW-Authenticate", 'Basic realm="the matrix"')])
    return f"hello {credentials.username}\n"


# URLs, pages and files


@view_config(route_name="old", request_method="GET")
def old(request):
    return HTTPFound(request.route_url("hello"))


@view_config(route_name="links", request_method="GET", renderer="string")
def links(request):
    paths = [
        request.route_path("hello"),
        request.route_path("item", id=7),
        request.route_path("path", rest="café/x y"),
        request.route_path("query", _query={"q": "a&b"}),
        request.static_path(f"{STATIC}/style.css"),
        request.route_url("hello"),
    ]
    return "".join(f"{link}\n" for link in paths)


@view_config(route_name="page", request_method="GET", renderer="templates/page.jinja2")
def page(request):
    return {"name": request.GET.get("name", "nobody")}


@view_config(route_name="download", request_method="GET")
def download(request):
    size = 2 * 1024 * 1024
    content = (bytes(range(251)) * (size // 251 + 1))[:size]
    return Response(
        app_iter=FileIter(io.BytesIO(content)),
        content_type="application/octet-stream",
        content_length=size,
        content_disposition="attachment; filename=pattern.bin",
    )


# Streams and failures


@view_config(route_name="stream", request_method="GET")
def stream(request):
    def chunks():
        yield b"one\n"
        time.sleep(0.1)
        yield b"two\n"
        time.sleep(0.1)
        yield b"three\n"

    return Response(app_iter=chunks(), content_type="text/plain")


def closed_mark(token):
    """A file in /tmp, since another process may be asked about it."""
    return Path(tempfile.gettempdir(), f"flow-{token}-closed")


@view_config(route_name="flow", request_method="GET")
def flow(request):
    blocks = min(int(request.GET.get("blocks", 1024)), 1024)
    mark = closed_mark(request.matchdict["token"])
    mark.unlink(missing_ok=True)

    def chunks():
        try:
            yield b"flowing\n"
            for _ in range(blocks):
                yield bytes(64 * 1024)
        finally:
            mark.touch()

    return Response(app_iter=chunks(), content_type="application/octet-stream")


@view_config(route_name="flow_closed", request_method="GET")
def flow_closed(request):
    # A dot at a time, so that a server with one thread gets its turn to notice that a client has left.
    def chunks():
        deadline = time.monotonic() + 4
        while not closed_mark(request.matchdict["token"]).exists() and time.monotonic() < deadline:
            yield b"."
            time.sleep(0.01)
        yield b"closed\n" if closed_mark(request.matchdict["token"]).exists() else b"open\n"

    return Response(content_type="text/plain", charset="UTF-8", app_iter=chunks())


@view_config(route_name="error", request_method="GET")
def error(request):
    raise RuntimeError("before the response")


@view_config(route_name="broken", request_method="GET")
def broken(request):
    def chunks():
        yield b"the first chunk\n"
        raise RuntimeError("after the first chunk")

    return Response(app_iter=chunks(), content_type="text/plain")


ROUTES = {
    "hello": "/hello",
    "item": "/items/{id:[0-9]+}",
    "empty": "/empty",
    "query": "/query",
    "path": "/path/{rest:.*}",
    "form": "/form",
    "multipart": "/multipart",
    "json": "/json",
    "header": "/header",
    "tags": "/tags",
    "upload": "/upload",
    "ignore": "/ignore",
    "cookies": "/cookies",
    "login": "/login",
    "whoami": "/whoami",
    "logout": "/logout",
    "secret": "/secret",
    "old": "/old",
    "links": "/links",
    "page": "/page",
    "download": "/download",
    "stream": "/stream",
    "flow": "/flow/{token:[a-z0-9]+}",
    "flow_closed": "/flow/{token:[a-z0-9]+}/closed",
    "error": "/error",
    "broken": "/broken",
}


def make_app():
    with Configurator() as config:
        config.include("pyramid_jinja2")
        # A real application reads its key from its environment, and keeps it to itself.
        key = "not a secret: the golden responses are public"
        config.set_session_factory(SignedCookieSessionFactory(key, httponly=True, timeout=None, reissue_time=None))
        config.add_static_view("static", STATIC)
        for name, pattern in ROUTES.items():
            config.add_route(name, pattern)
        config.scan(__name__)
        return config.make_wsgi_app()


app = make_app()
