"""The common scenario as a Bottle application: https://bottlepy.org."""

import io
import shutil
import tempfile
import time
from functools import wraps
from hashlib import sha256
from pathlib import Path
from urllib.parse import quote, urljoin

from bottle import (
    TEMPLATE_PATH,
    Bottle,
    abort,
    auth_basic,
    redirect,
    request,
    response,
    static_file,
    template,
)

HERE = Path(__file__).parent
# A real application reads its key from its environment, and keeps it to itself.
KEY = "not a secret: the golden responses are public"

TEMPLATE_PATH.insert(0, str(HERE / "views"))
app = Bottle()


def counted(callback):
    """A plugin: counts a body whose end the server marks (wsgi.input_terminated).

    Bottle takes a body without Content-Length for empty, and one with Transfer-Encoding for
    still encoded, though such a server has decoded it.
    """

    @wraps(callback)
    def wrapper(*args, **kwargs):
        if request.get("wsgi.input_terminated") and request.content_length < 0:
            body = tempfile.SpooledTemporaryFile(request.MEMFILE_MAX)
            shutil.copyfileobj(request["wsgi.input"], body)
            request["CONTENT_LENGTH"] = str(body.tell())
            request["HTTP_TRANSFER_ENCODING"] = ""
            body.seek(0)
            request["wsgi.input"] = body
        return callback(*args, **kwargs)

    return wrapper


app.install(counted)


def text(body):
    response.content_type = "text/plain; charset=UTF-8"
    return body


def lines(values):
    """Keys with all their values, a line each."""
    values = values.decode()  # Bottle keeps them as latin-1 until somebody knows better
    return text("".join(f"{key}={', '.join(values.getall(key))}\n" for key in sorted(values)))


@app.get("/hello", name="hello")
def hello():
    return text("Hello world from Bottle!\n")


# Methods


@app.get("/items/<id:int>", name="item")
def show(id):
    return {"id": id, "name": f"item {id}"}


@app.put("/items/<id:int>")
def replace(id):
    return {"id": id, **request.json}


@app.patch("/items/<id:int>")
def change(id):
    return {"id": id, "name": f"item {id}", **request.json}


@app.delete("/items/<id:int>")
def delete(id):
    return {"deleted": id}


@app.error(405)
def other_method(error):
    """Bottle's Allow lists the methods that have routes; HEAD and OPTIONS are answered without."""
    allowed = {"OPTIONS", *error.get_header("Allow").split(",")}
    if "GET" in allowed:
        allowed.add("HEAD")
    response.set_header("Allow", ", ".join(sorted(allowed)))
    if request.method != "OPTIONS":
        return app.default_error_handler(error)
    response.status = 204
    return ""


@app.get("/empty")
def empty():
    response.status = 204


# What a request carries


@app.get("/query", name="query")
def query():
    return lines(request.query)


@app.get("/path/<rest:path>", name="path")
def path(rest):
    return text(rest + "\n")


@app.post("/form")
def form():
    return lines(request.forms)


@app.post("/multipart")
def multipart():
    answer = "".join(f"{name}={value}\n" for name, value in request.forms.items())
    for name, upload in request.files.items():
        content = upload.file.read()
        digest = sha256(content).hexdigest()
        answer += f"{name}: {upload.filename}, {upload.content_type}, {len(content)} bytes, {digest}\n"
    return text(answer)


@app.post("/json")
def json_in_and_out():
    data = request.json
    return {"greeting": f"Hello {data['name']}", "sum": sum(data["numbers"])}


@app.get("/header")
def header():
    # request.headers reads values as UTF-8, and this one is none.
    return text(request.headers.raw("X-Latin", "").encode("latin-1").hex() + "\n")


@app.get("/tags")
def tags():
    # Lines of one name are joined by a comma, with or without a space (RFC 9110 §5.3).
    return text("".join(f"{tag.strip()}\n" for tag in request.get_header("X-Tag", "").split(",")))


@app.post("/upload")
def upload():
    body, length, digest = request.body, 0, sha256()
    while block := body.read(64 * 1024):
        length += len(block)
        digest.update(block)
    return text(f"{length} {digest.hexdigest()}\n")


@app.post("/ignore", skip=[counted])  # whose body stays unread
def ignore():
    return text("ignored\n")


# State that the client keeps


@app.get("/cookies")
def cookies():
    response.set_cookie("flavour", "vanilla", path="/")
    response.set_cookie("theme", "dark", path="/", httponly=True, samesite="lax")
    response.set_cookie("lang", "fr", path="/items")
    return text("".join(f"{name}={value}\n" for name, value in sorted(request.cookies.items())))


@app.post("/login")
def login():
    user = request.forms.user
    response.set_cookie("session", user, secret=KEY, path="/", httponly=True, samesite="lax")
    return text(f"welcome {user}\n")


@app.get("/whoami")
def whoami():
    user = request.get_cookie("session", secret=KEY)
    if not user:
        abort(403, "Nobody is logged in.")
    return text(f"{user}\n")


@app.post("/logout")
def logout():
    response.delete_cookie("session", path="/", httponly=True, samesite="lax")
    return text("goodbye\n")


def is_alice(user, password):
    return (user, password) == ("alice", "wonderland")


@app.get("/secret")
@auth_basic(is_alice, realm="the matrix")
def secret():
    user, _ = request.auth
    return text(f"hello {user}\n")


# URLs, pages and files


@app.get("/old")
def old():
    redirect(app.get_url("hello"))


@app.get("/links")
def links():
    paths = [
        app.get_url("hello"),
        app.get_url("item", id=7),
        app.get_url("path", rest=quote("café/x y")),  # the router puts a value in as it is
        app.get_url("query", q="a&b"),
        app.get_url("static", filename="style.css"),
        urljoin(request.url, app.get_url("hello")),
    ]
    return text("".join(f"{link}\n" for link in paths))


@app.get("/page")
def page():
    return template("page", name=request.query.name or "nobody")


@app.get("/static/<filename:path>", name="static")
def static(filename):
    return static_file(filename, root=str(HERE / "static"))


@app.get("/download")
def download():
    size = 2 * 1024 * 1024
    content = (bytes(range(251)) * (size // 251 + 1))[:size]
    response.content_type = "application/octet-stream"
    response.content_length = size
    response.set_header("Content-Disposition", 'attachment; filename="pattern.bin"')
    return io.BytesIO(content)


# Streams and failures


@app.get("/stream")
def stream():
    response.content_type = "text/plain; charset=UTF-8"
    yield b"one\n"
    time.sleep(0.1)
    yield b"two\n"
    time.sleep(0.1)
    yield b"three\n"


def closed_mark(token):
    """A file in /tmp, since another process may be asked about it."""
    return Path(tempfile.gettempdir(), f"flow-{token}-closed")


@app.get("/flow/<token>")
def flow(token):
    blocks = min(int(request.query.blocks or 1024), 1024)
    response.content_type = "application/octet-stream"
    mark = closed_mark(token)
    mark.unlink(missing_ok=True)
    try:
        yield b"flowing\n"
        for _ in range(blocks):
            yield bytes(64 * 1024)
    finally:
        mark.touch()


@app.get("/flow/<token>/closed")
def flow_closed(token):
    response.content_type = "text/plain; charset=UTF-8"
    # A dot at a time, so that a server with one thread gets its turn to notice that a client has left.
    deadline = time.monotonic() + 4
    while not closed_mark(token).exists() and time.monotonic() < deadline:
        yield b"."
        time.sleep(0.01)
    yield b"closed\n" if closed_mark(token).exists() else b"open\n"


@app.get("/error")
def error():
    raise RuntimeError("before the response")


@app.get("/broken")
def broken():
    response.content_type = "text/plain; charset=UTF-8"
    yield b"the first chunk\n"
    raise RuntimeError("after the first chunk")
