"""A small WSGI server that is right, or does one thing wrong: what the probe's cases are held against.

    python3 server.py [--wrong NAME] [--workers N [--recycle N]]
                                 serves app:app on a free port of 127.0.0.1, which it prints
    python3 server.py --list     prints what it can do wrong

It is right in the choices of servers/README.md. It ends when its standard input does, and after the
requests under way on SIGTERM. With --workers it forks: SIGHUP replaces the workers, and --recycle each
after so many requests.
"""

import argparse
import io
import os
import select
import socket
import sys
import threading
import time

import bodies
import environs
import heads
import lifecycle
import mutations
import responses
from mutations import wrong

PATIENCE = 20.0  # seconds that a client may be silent
LINGER = 1.0  # and in which it may close its side after the server has


class Connection:
    def __init__(self, process, sock, peer, port, app):
        self.process = process
        self.idle = False  # between two requests
        self.used = False  # it has had one
        self.sock = sock
        self.peer = peer
        self.port = port
        self.app = app
        self.reader = sock.makefile("rb")
        self.output = responses.Output(sock)

    def serve(self):
        try:
            while self.exchange():
                if wrong("buffer-dropped"):
                    self.drop_buffer()
        except heads.Gone as gone:
            if gone.__cause__ and wrong("reset-ends-server"):
                os._exit(1)
        except heads.Waits:
            time.sleep(PATIENCE)
        except OSError:
            if wrong("reset-ends-server"):
                os._exit(1)
        finally:
            self.close()

    def end_idle(self):
        """Lets nothing more come, if nothing has been asked for."""
        if self.idle:
            self.sock.shutdown(socket.SHUT_RD)

    def await_request(self):
        """Waits for a request's first byte. The first request may be on its way already: it is waited for in
        any case."""
        self.idle = self.used
        if not (self.used and self.process.draining):
            self.reader.peek(1)
        self.idle, self.used = False, True

    def drop_buffer(self):
        self.reader.close()
        self.reader = self.sock.makefile("rb")

    def exchange(self):
        """One request and its response; tells whether the connection stays."""
        request = None
        self.await_request()
        try:
            request = heads.read(self.reader)
            framed = bodies.framing(request)
            self.expectation(request, framed)
            stream, size = self.body(request, framed)
        except Skipped:
            return True
        except heads.Refused as refused:
            self.refuse(request, refused.status)
            return wrong("refused-kept-open")
        if wrong("half-close-is-gone") and self.half_closed():
            return False
        environ = environs.environ(request, stream, size, self.peer, self.port)
        keep = responses.Response(request, self.output).run(self.app, environ)
        self.process.answered()
        return keep and not wrong("closes-unsaid") and not self.process.draining

    def refuse(self, request, status):
        text = b"" if request and request.method == "HEAD" else f"{status}\n".encode()
        headers = [("Content-Type", "text/plain"), ("Content-Length", str(len(text)))]
        self.output.send(responses.head(request, status, headers, wrong("refused-kept-open")) + text)
        self.output.flush()

    def expectation(self, request, framed):
        """Expect (RFC 9110, section 10.1.1). What a client of HTTP/1.0 expects is ignored."""
        expected = request.members("expect")
        if not expected or (request.old and not wrong("continue-to-1.0")):
            return
        if expected != ["100-continue"] and not wrong("expectation-any"):
            raise heads.Refused("417 Expectation Failed")
        if framed and not wrong("continue-missing"):
            self.output.sendall(b"HTTP/1.1 100 Continue\r\n\r\n" * (2 if wrong("continue-twice") else 1))

    def body(self, request, framed):
        """wsgi.input and the number of its bytes."""
        if wrong("input-is-socket"):
            return self.reader, framed if isinstance(framed, int) else None
        if framed == "chunked" and wrong("chunked-empty"):
            return io.BytesIO(bodies.read(request, self.reader, framed)[:0]), None
        try:
            data = bodies.read(request, self.reader, framed)
        except (heads.Gone, OSError) as exc:
            return self.broken(exc)
        if framed is None:
            return None if wrong("input-none") else bodies.stream(data), None
        return bodies.stream(data), len(data)

    def broken(self, exc):
        if wrong("broken-body-waits"):
            return Stuck(), 1
        if wrong("broken-body-is-request") and isinstance(exc, heads.Gone):
            self.reader = io.BufferedReader(io.BytesIO(exc.data))
            raise Skipped from exc
        raise exc

    def half_closed(self):
        """Whether nothing more can come. Some time is given for the client to say so."""
        ready, _, _ = select.select([self.sock], [], [], 0.5)
        return bool(ready) and not self.sock.recv(1, socket.MSG_PEEK)

    def close(self):
        """Closes so that what was sent arrives, whatever the client has still on its way."""
        try:
            self.sock.shutdown(socket.SHUT_WR)
            self.sock.settimeout(LINGER)
            end = time.monotonic() + LINGER
            while self.sock.recv(1 << 16) and time.monotonic() < end:
                pass
        except OSError:
            pass
        self.reader.close()
        self.sock.close()


class Skipped(Exception):
    """A mutation goes on with the next request."""


class Stuck:
    """A mutation's wsgi.input."""

    def read(self, _size=-1, /):
        time.sleep(PATIENCE)
        return b""


def connector(listener, app):
    """Makes connections of the listener's sockets."""
    port = listener.getsockname()[1]

    def connect(process, sock, peer):
        sock.settimeout(PATIENCE)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return Connection(process, sock, peer, port, app)

    return connect


def end_with_stdin():
    """Whoever started the server may be killed, and cannot end it then."""
    sys.stdin.buffer.read()
    os._exit(0)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--wrong", metavar="NAME")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--workers", type=int, default=0, metavar="N")
    parser.add_argument("--recycle", type=int, default=0, metavar="N")
    options = parser.parse_args()
    if options.list:
        print("\n".join(mutations.WRONG))
        return
    if options.wrong:
        mutations.choose(options.wrong)
    from app import app  # the probe's, by PYTHONPATH

    listener = socket.create_server(("127.0.0.1", 0), backlog=128)
    print(listener.getsockname()[1], flush=True)

    def process():
        return lifecycle.Process(listener, connector(listener, app), options.recycle)

    if options.workers:
        lifecycle.Parent(process, options.workers).run()
    threading.Thread(target=end_with_stdin, daemon=True).start()
    lifecycle.alone(process())


if __name__ == "__main__":
    main()
