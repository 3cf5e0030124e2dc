"""A WSGI application without a framework: the common scenario of every app in the matrix.

`app` is what a server calls. router.py hands a request to one of the functions below.
"""

import base64
import hmac
import html
import json
import string
import tempfile
import time
from hashlib import sha256
from pathlib import Path
from urllib.parse import quote

import protocol
import sessions
from files import Folder
from router import BLOCK, HTTPError, Response, Router

app = Router()
for place, application in protocol.APPLICATIONS.items():
    app.mount(place, application)
HERE = Path(__file__).parent
STATIC = Folder(HERE / "static")
PASSWORD = base64.b64encode(b"alice:wonderland")
PAGE = string.Template((HERE / "templates" / "page.html").read_text("utf-8"))


def as_json(data, status=200):
    return Response(json.dumps(data) + "\n", status, "application/json")


def lines(values):
    """Keys with all their values, a line each."""
    return Response("".join(f"{key}={', '.join(values[key])}\n" for key in sorted(values)))


@app.route("/hello")
def hello(request):
    return Response("Hello world from Bare!\n")


# Methods


@app.route("/items/{id:[0-9]+}", "GET")
def item(request, id):
    return as_json({"id": int(id), "name": f"item {id}"})


@app.route("/items/{id:[0-9]+}", "PUT")
def replace_item(request, id):
    return as_json({"id": int(id), **request.json()})


@app.route("/items/{id:[0-9]+}", "PATCH")
def change_item(request, id):
    return as_json({"id": int(id), "name": f"item {id}", **request.json()})


@app.route("/items/{id:[0-9]+}", "DELETE")
def delete_item(request, id):
    return as_json({"deleted": int(id)})


@app.route("/empty")
def empty(request):
    return Response(status=204)


# What a request carries


@app.route("/query")
def query(request):
    return lines(request.query)


@app.route("/path/{rest:.*}")
def path(request, rest):
    return Response(rest + "\n")


@app.route("/form", "POST")
def form(request):
    return lines(request.form())


@app.route("/multipart", "POST")
def multipart(request):
    answer = ""
    for names, content_type, content in request.parts():
        if "filename" in names:
            digest = sha256(content).hexdigest()
            answer += f"{names['name']}: {names['filename']}, {content_type}, {len(content)} bytes, {digest}\n"
        else:
            answer += f"{names['name']}={content.decode()}\n"
    return Response(answer)


@app.route("/json", "POST")
def json_in_and_out(request):
    data = request.json()
    return as_json({"greeting": f"Hello {data['name']}", "sum": sum(data["numbers"])})


@app.route("/header")
def header(request):
    return Response(request.header("X-Latin", "").encode("latin-1").hex() + "\n")


@app.route("/tags")
def tags(request):
    # Lines of one name are joined by a comma, with or without a space (RFC 9110 §5.3).
    return Response("".join(f"{tag.strip()}\n" for tag in request.header("X-Tag", "").split(",")))


@app.route("/upload", "POST")
def upload(request):
    length, digest = 0, sha256()
    for block in request.blocks():
        length += len(block)
        digest.update(block)
    return Response(f"{length} {digest.hexdigest()}\n")


@app.route("/ignore", "POST")
def ignore(request):
    return Response("ignored\n")


# State that the client keeps


@app.route("/cookies")
def cookies(request):
    response = lines({name: [value] for name, value in request.cookies.items()})
    response.headers += [
        ("Set-Cookie", "flavour=vanilla; Path=/"),
        ("Set-Cookie", "theme=dark; HttpOnly; Path=/; SameSite=Lax"),
        ("Set-Cookie", "lang=fr; Path=/items"),
    ]
    return response


@app.route("/login", "POST")
def login(request):
    user = request.form().get("user", ["nobody"])[0]
    cookie = f"session={sessions.dump({'user': user})}; HttpOnly; Path=/; SameSite=Lax"
    return Response(f"welcome {user}\n", headers=[("Set-Cookie", cookie)])


@app.route("/whoami")
def whoami(request):
    session = sessions.load(request.cookies.get("session", ""))
    if "user" not in session:
        raise HTTPError(403)
    return Response(f"{session['user']}\n")


@app.route("/logout", "POST")
def logout(request):
    cookie = "session=; HttpOnly; Max-Age=0; Path=/; SameSite=Lax"
    return Response("goodbye\n", headers=[("Set-Cookie", cookie)])


@app.route("/secret")
def secret(request):
    scheme, _, credentials = request.header("Authorization", "").partition(" ")
    if scheme.lower() != "basic" or not hmac.compare_digest(credentials.encode(), PASSWORD):
        raise HTTPError(401, [("WWW-Authenticate", 'Basic realm="the matrix"')])
    return Response("hello alice\n")


# URLs, pages and files


@app.route("/old")
def old(request):
    return Response("moved\n", 302, headers=[("Location", request.url("/hello"))])


@app.route("/links")
def links(request):
    paths = ["/hello", "/items/7", "/path/" + quote("café/x y"), "/query?q=" + quote("a&b"), "/static/style.css"]
    return Response("".join(f"{link}\n" for link in [*paths, request.url("/hello")]))


@app.route("/page")
def page(request):
    name = request.query.get("name", ["nobody"])[0]
    return Response(PAGE.substitute(name=html.escape(name)), content_type="text/html; charset=utf-8")


@app.route("/static/{name}")
def static(request, name):
    return STATIC.answer(request, name)


@app.route("/download")
def download(request):
    size = 2 * 1024 * 1024
    block = bytes(range(251)) * 256
    return Response(
        (block[: size - sent] for sent in range(0, size, len(block))),
        content_type="application/octet-stream",
        headers=[("Content-Length", str(size)), ("Content-Disposition", "attachment; filename=pattern.bin")],
    )


# Streams and failures


@app.route("/stream")
def stream(request):
    def chunks():
        yield b"one\n"
        time.sleep(0.1)
        yield b"two\n"
        time.sleep(0.1)
        yield b"three\n"

    return Response(chunks())


class Flow:
    """A stream that leaves a mark in /tmp when it is closed, since another process may be asked about it."""

    def __init__(self, token, blocks):
        self.mark, self.blocks = closed_mark(token), blocks
        self.mark.unlink(missing_ok=True)

    def __iter__(self):
        yield b"flowing\n"
        for _ in range(self.blocks):
            yield bytes(BLOCK)

    def close(self):
        self.mark.touch()


def closed_mark(token):
    return Path(tempfile.gettempdir(), f"flow-{token}-closed")


@app.route("/flow/{token:[a-z0-9]+}")
def flow(request, token):
    blocks = int(request.query.get("blocks", ["1024"])[0])
    return Response(Flow(token, min(blocks, 1024)), content_type="application/octet-stream")


@app.route("/flow/{token:[a-z0-9]+}/closed")
def flow_closed(request, token):
    # A dot at a time, so that a server with one thread gets its turn to notice that a client has left.
    def chunks():
        deadline = time.monotonic() + 4
        while not closed_mark(token).exists() and time.monotonic() < deadline:
            yield b"."
            time.sleep(0.01)
        yield b"closed\n" if closed_mark(token).exists() else b"open\n"

    return Response(chunks())


@app.route("/error")
def error(request):
    raise RuntimeError("before the response")


@app.route("/broken")
def broken(request):
    def chunks():
        yield b"the first chunk\n"
        raise RuntimeError("after the first chunk")

    return Response(chunks())
