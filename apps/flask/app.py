"""The common scenario as a Flask application: https://flask.palletsprojects.com."""

import io
import tempfile
import time
from hashlib import sha256
from pathlib import Path

from flask import (
    Blueprint,
    Flask,
    Response,
    abort,
    jsonify,
    redirect,
    render_template,
    request,
    send_file,
    session,
    url_for,
)
from werkzeug.datastructures import WWWAuthenticate

app = Flask(__name__)
app.config.update(
    # A real application reads its key from its environment, and keeps it to itself.
    SECRET_KEY="not a secret: the golden responses are public",
    SESSION_COOKIE_SAMESITE="Lax",
    MAX_CONTENT_LENGTH=64 * 1024 * 1024,
)


def text(body):
    return Response(body, mimetype="text/plain")


def lines(values):
    """Keys with all their values, a line each."""
    return text("".join(f"{key}={', '.join(values.getlist(key))}\n" for key in sorted(values)))


@app.get("/hello")
def hello():
    return text("Hello world from Flask!\n")


# Methods

items = Blueprint("items", __name__, url_prefix="/items")


@items.get("/<int:id>")
def show(id):
    return {"id": id, "name": f"item {id}"}


@items.put("/<int:id>")
def replace(id):
    return {"id": id, **request.get_json()}


@items.patch("/<int:id>")
def change(id):
    return {"id": id, "name": f"item {id}", **request.get_json()}


@items.delete("/<int:id>")
def delete(id):
    return {"deleted": id}


app.register_blueprint(items)


@app.get("/empty")
def empty():
    return "", 204


# What a request carries


@app.get("/query")
def query():
    return lines(request.args)


@app.get("/path/<path:rest>")
def path(rest):
    return text(rest + "\n")


@app.post("/form")
def form():
    return lines(request.form)


@app.post("/multipart")
def multipart():
    answer = "".join(f"{name}={value}\n" for name, value in request.form.items())
    for name, file in request.files.items():
        content = file.read()
        digest = sha256(content).hexdigest()
        answer += f"{name}: {file.filename}, {file.content_type}, {len(content)} bytes, {digest}\n"
    return text(answer)


@app.post("/json")
def json_in_and_out():
    data = request.get_json()
    return jsonify(greeting=f"Hello {data['name']}", sum=sum(data["numbers"]))


@app.get("/header")
def header():
    return text(request.headers.get("X-Latin", "").encode("latin-1").hex() + "\n")


@app.get("/tags")
def tags():
    # Lines of one name are joined by a comma, with or without a space (RFC 9110 §5.3).
    return text("".join(f"{tag.strip()}\n" for tag in request.headers.get("X-Tag", "").split(",")))


@app.post("/upload")
def upload():
    length, digest = 0, sha256()
    while block := request.stream.read(64 * 1024):
        length += len(block)
        digest.update(block)
    return text(f"{length} {digest.hexdigest()}\n")


@app.post("/ignore")
def ignore():
    return text("ignored\n")


# State that the client keeps


@app.get("/cookies")
def cookies():
    response = text("".join(f"{name}={value}\n" for name, value in sorted(request.cookies.items())))
    response.set_cookie("flavour", "vanilla")
    response.set_cookie("theme", "dark", httponly=True, samesite="Lax")
    response.set_cookie("lang", "fr", path="/items")
    return response


@app.post("/login")
def login():
    session["user"] = request.form["user"]
    return text(f"welcome {session['user']}\n")


@app.get("/whoami")
def whoami():
    if "user" not in session:
        abort(403)
    return text(f"{session['user']}\n")


@app.post("/logout")
def logout():
    session.clear()
    return text("goodbye\n")


@app.get("/secret")
def secret():
    given = request.authorization
    if not given or (given.username, given.password) != ("alice", "wonderland"):
        abort(401, www_authenticate=WWWAuthenticate("basic", {"realm": "the matrix"}))
    return text(f"hello {given.username}\n")


# URLs, pages and files; /static is Flask's own


@app.get("/old")
def old():
    return redirect(url_for("hello", _external=True))


@app.get("/links")
def links():
    paths = [
        url_for("hello"),
        url_for("items.show", id=7),
        url_for("path", rest="café/x y"),
        url_for("query", q="a&b"),
        url_for("static", filename="style.css"),
        url_for("hello", _external=True),
    ]
    return text("".join(f"{link}\n" for link in paths))


@app.get("/page")
def page():
    return render_template("page.html", name=request.args.get("name", "nobody"))


@app.get("/download")
def download():
    size = 2 * 1024 * 1024
    content = (bytes(range(251)) * (size // 251 + 1))[:size]
    return send_file(io.BytesIO(content), "application/octet-stream", as_attachment=True, download_name="pattern.bin")


# Streams and failures


@app.get("/stream")
def stream():
    def chunks():
        yield "one\n"
        time.sleep(0.1)
        yield "two\n"
        time.sleep(0.1)
        yield "three\n"

    return text(chunks())


def closed_mark(token):
    """A file in /tmp, since another process may be asked about it."""
    return Path(tempfile.gettempdir(), f"flow-{token}-closed")


@app.get("/flow/<token>")
def flow(token):
    blocks = min(request.args.get("blocks", 1024, type=int), 1024)
    mark = closed_mark(token)
    mark.unlink(missing_ok=True)

    def chunks():
        yield b"flowing\n"
        for _ in range(blocks):
            yield bytes(64 * 1024)

    response = Response(chunks(), mimetype="application/octet-stream")
    response.call_on_close(mark.touch)
    return response


@app.get("/flow/<token>/closed")
def flow_closed(token):
    # A dot at a time, so that a server with one thread gets its turn to notice that a client has left.
    def chunks():
        deadline = time.monotonic() + 4
        while not closed_mark(token).exists() and time.monotonic() < deadline:
            yield "."
            time.sleep(0.01)
        yield "closed\n" if closed_mark(token).exists() else "open\n"

    return text(chunks())


@app.get("/error")
def error():
    raise RuntimeError("before the response")


@app.get("/broken")
def broken():
    def chunks():
        yield "the first chunk\n"
        raise RuntimeError("after the first chunk")

    return text(chunks())
