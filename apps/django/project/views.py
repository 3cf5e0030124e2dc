"""The common scenario as Django views: https://docs.djangoproject.com/en/4.2/topics/http/views/."""

import base64
import hmac
import io
import json
import tempfile
import time
from hashlib import sha256
from pathlib import Path
from urllib.parse import urlencode

from django.core.exceptions import BadRequest, PermissionDenied
from django.http import FileResponse, HttpResponse, JsonResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.templatetags.static import static
from django.urls import reverse
from django.views import View
from django.views.decorators.http import require_POST, require_safe


def text(body):
    return HttpResponse(body, content_type="text/plain; charset=utf-8")


def lines(values):
    """Keys with all their values, a line each."""
    return text("".join(f"{key}={', '.join(values.getlist(key))}\n" for key in sorted(values)))


def json_body(request):
    try:
        return json.loads(request.body)
    except ValueError as error:
        raise BadRequest("the body is not JSON") from error


@require_safe
def hello(request):
    return HttpResponse("Hello world from Django!\n", content_type="text/plain")


# Methods


class Item(View):
    def get(self, request, id):
        return JsonResponse({"id": id, "name": f"item {id}"})

    def put(self, request, id):
        return JsonResponse({"id": id, **json_body(request)})

    def patch(self, request, id):
        return JsonResponse({"id": id, "name": f"item {id}", **json_body(request)})

    def delete(self, request, id):
        return JsonResponse({"deleted": id})


@require_safe
def empty(request):
    return HttpResponse(status=204)


# What a request carries


@require_safe
def query(request):
    return lines(request.GET)


@require_safe
def path(request, rest):
    return text(rest + "\n")


@require_POST
def form(request):
    return lines(request.POST)


@require_POST
def multipart(request):
    answer = "".join(f"{name}={value}\n" for name, value in request.POST.items())
    for name, file in request.FILES.items():
        content = file.read()
        digest = sha256(content).hexdigest()
        answer += f"{name}: {file.name}, {file.content_type}, {len(content)} bytes, {digest}\n"
    return text(answer)


@require_POST
def json_in_and_out(request):
    data = json_body(request)
    return JsonResponse({"greeting": f"Hello {data['name']}", "sum": sum(data["numbers"])})


@require_safe
def header(request):
    return text(request.headers.get("X-Latin", "").encode("latin-1").hex() + "\n")


@require_safe
def tags(request):
    # Lines of one name are joined by a comma, with or without a space (RFC 9110 §5.3).
    return text("".join(f"{tag.strip()}\n" for tag in request.headers.get("X-Tag", "").split(",")))


@require_POST
def upload(request):
    length, digest = 0, sha256()
    while block := request.read(64 * 1024):
        length += len(block)
        digest.update(block)
    return text(f"{length} {digest.hexdigest()}\n")


@require_POST
def ignore(request):
    return text("ignored\n")


# State that the client keeps


@require_safe
def cookies(request):
    response = text("".join(f"{name}={value}\n" for name, value in sorted(request.COOKIES.items())))
    response.set_cookie("flavour", "vanilla")
    response.set_cookie("theme", "dark", httponly=True, samesite="Lax")
    response.set_cookie("lang", "fr", path="/items")
    return response


@require_POST
def login(request):
    request.session["user"] = request.POST["user"]
    return text(f"welcome {request.session['user']}\n")


@require_safe
def whoami(request):
    if "user" not in request.session:
        raise PermissionDenied
    return text(f"{request.session['user']}\n")


@require_POST
def logout(request):
    request.session.flush()
    return text("goodbye\n")


PASSWORD = base64.b64encode(b"alice:wonderland")


@require_safe
def secret(request):
    scheme, _, credentials = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "basic" or not hmac.compare_digest(credentials.encode(), PASSWORD):
        return HttpResponse("401 Unauthorized\n", status=401, headers={"WWW-Authenticate": 'Basic realm="the matrix"'})
    return text("hello alice\n")


# URLs, pages and files


@require_safe
def old(request):
    return redirect(request.build_absolute_uri(reverse("hello")))


@require_safe
def links(request):
    paths = [
        reverse("hello"),
        reverse("item", args=[7]),
        reverse("path", args=["café/x y"]),
        reverse("query") + "?" + urlencode({"q": "a&b"}),
        static("style.css"),
        request.build_absolute_uri(reverse("hello")),
    ]
    return text("".join(f"{link}\n" for link in paths))


@require_safe
def page(request):
    return render(request, "page.html", {"name": request.GET.get("name", "nobody")})


@require_safe
def download(request):
    size = 2 * 1024 * 1024
    content = (bytes(range(251)) * (size // 251 + 1))[:size]
    return FileResponse(io.BytesIO(content), as_attachment=True, filename="pattern.bin")


# Streams and failures


@require_safe
def stream(request):
    def chunks():
        yield "one\n"
        time.sleep(0.1)
        yield "two\n"
        time.sleep(0.1)
        yield "three\n"

    return StreamingHttpResponse(chunks(), content_type="text/plain; charset=utf-8")


def closed_mark(token):
    """A file in /tmp, since another process may be asked about it."""
    return Path(tempfile.gettempdir(), f"flow-{token}-closed")


@require_safe
def flow(request, token):
    blocks = min(int(request.GET.get("blocks", 1024)), 1024)
    mark = closed_mark(token)
    mark.unlink(missing_ok=True)

    def chunks():
        try:
            yield b"flowing\n"
            for _ in range(blocks):
                yield bytes(64 * 1024)
        finally:
            mark.touch()

    return StreamingHttpResponse(chunks(), content_type="application/octet-stream")


@require_safe
def flow_closed(request, token):
    # A dot at a time, so that a server with one thread gets its turn to notice that a client has left.
    def chunks():
        deadline = time.monotonic() + 4
        while not closed_mark(token).exists() and time.monotonic() < deadline:
            yield b"."
            time.sleep(0.01)
        yield b"closed\n" if closed_mark(token).exists() else b"open\n"

    return StreamingHttpResponse(chunks(), content_type="text/plain; charset=utf-8")


def error(request):
    raise RuntimeError("before the response")


@require_safe
def broken(request):
    def chunks():
        yield "the first chunk\n"
        raise RuntimeError("after the first chunk")

    return StreamingHttpResponse(chunks(), content_type="text/plain; charset=utf-8")
