"""driver.py WAY RECORD: calls an application through the recorder and checks what comes through."""

import io
import os
import sys
from pathlib import Path
from wsgiref import util, validate

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "ci" / "image"))
import recorder  # noqa: E402

WAY, RECORD = sys.argv[1:]
EXC = ValueError("too late")


def environ(**more):
    env = {"REQUEST_METHOD": "POST", "CONTENT_LENGTH": "6", "CONTENT_TYPE": "text/plain", "wsgi.input": io.BytesIO(b"ab\ncd\n"), **more}
    util.setup_testing_defaults(env)
    env["QUERY_STRING"] = ""
    return env


class Server:
    def __init__(self):
        self.heads, self.written = [], []

    def start_response(self, status, headers, exc_info=None):
        if exc_info and self.written:
            raise exc_info[1]
        self.heads.append(status)
        return self.written.append


def serve(application, env=None):
    """What wsgiref.handlers does, less the socket."""
    server = Server()
    env = environ() if env is None else env
    result = recorder.Recorder(application, RECORD)(env, server.start_response)
    try:
        body = b"".join(result)
    finally:
        if hasattr(result, "close"):
            result.close()
    return server, result, b"".join(server.written) + body


TEXT = [("Content-Type", "text/plain")]


def echo(env, start_response):
    start_response("200 OK", TEXT)
    yield env["wsgi.input"].read(3)
    yield env["wsgi.input"].read(3)


def validated():
    application = validate.validator(recorder.Recorder(validate.validator(echo), RECORD))
    server = Server()
    result = application(environ(), server.start_response)
    assert list(result) == [b"ab\n", b"cd\n"]
    result.close()


def as_list():
    def application(env, start_response):
        start_response("200 OK", TEXT)
        return [b"hello"]

    server, result, body = serve(application)
    assert len(result) == 1 and not hasattr(result, "close") and body == b"hello"


def lazy():
    server, result, body = serve(echo)
    assert not hasattr(result, "__len__") and server.heads == ["200 OK"] and body == b"ab\ncd\n"


def write():
    def application(env, start_response):
        start_response("200 OK", TEXT)(b"hello")
        return []

    assert serve(application)[2] == b"hello"


def passed_on(application, kind):
    try:
        serve(application)
    except kind:
        return
    raise AssertionError(f"{kind} did not come through")


def raises():
    def application(env, start_response):
        raise KeyError("x")

    passed_on(application, KeyError)


def raises_late():
    def application(env, start_response):
        start_response("200 OK", TEXT)
        yield b"a"
        raise KeyError("x")

    passed_on(application, KeyError)


def exc_info():
    def application(env, start_response):
        start_response("200 OK", TEXT)(b"a")
        try:
            raise EXC
        except ValueError:
            start_response("500 Oops", TEXT, sys.exc_info())
        return []

    try:
        serve(application)
    except ValueError as exc:
        assert exc is EXC
        return
    raise AssertionError("what start_response raised did not come through")


def filed(wrapper):
    made = []

    def application(env, start_response):
        start_response("200 OK", TEXT)
        made.append(env["wsgi.file_wrapper"](io.BytesIO(b"hello"), 8))
        return made[0]

    server, result, body = serve(application, environ(**{"wsgi.file_wrapper": wrapper}))
    assert result is made[0] and body == b"hello"


def input_fails():
    class Gone(io.BytesIO):
        def read(self, *args):
            raise OSError("gone")

    def application(env, start_response):
        try:
            env["wsgi.input"].read()
        except OSError:
            start_response("200 OK", TEXT)
        return []

    serve(application, environ(**{"wsgi.input": Gone()}))


def lines():
    def application(env, start_response):
        start_response("200 OK", TEXT)
        stream = env["wsgi.input"]
        return [stream.readline(), *stream.readlines(), *stream]

    assert serve(application)[2] == b"ab\ncd\n"


def forked():
    application = recorder.Recorder(echo, RECORD)
    children = []
    for _ in range(4):
        child = os.fork()
        if child == 0:
            for _ in range(200):
                list(application(environ(), Server().start_response))
            os._exit(0)
        children.append(child)
    for child in children:
        assert os.waitpid(child, 0)[1] == 0


def full():
    recorder.MOST_BYTES = 8000
    for _ in range(50):
        assert serve(echo)[2] == b"ab\ncd\n"


WAYS = {
    "validated": validated, "list": as_list, "lazy": lazy, "write": write, "raises": raises, "raises-late": raises_late, "exc-info": exc_info,
    "file-wrapper": lambda: filed(util.FileWrapper), "function": lambda: filed(lambda *args: util.FileWrapper(*args)),
    "input-fails": input_fails, "lines": lines, "forked": forked, "full": full,
}
WAYS[WAY]()
