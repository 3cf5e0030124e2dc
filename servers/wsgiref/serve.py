"""Serve module:callable with the standard library's reference server, as it comes.

Nothing is overridden: it speaks HTTP/1.0, one connection and one request at a time, and waits for a
client for ever, unless a number of seconds follows.
"""

import importlib
import signal
import sys
import threading
from wsgiref.simple_server import WSGIRequestHandler, make_server


def load(spec):
    module, _, name = spec.partition(":")
    return getattr(importlib.import_module(module), name)


def stop_on_sigterm(server):
    """End after the request in flight.

    As PID 1, a process without a handler of its own would never see SIGTERM. An exception
    out of the handler will not do: wsgiref answers it with a 500 and goes on. And shutdown()
    waits for serve_forever(), so it needs a thread of its own.
    """

    def stop(signum, frame):
        threading.Thread(target=server.shutdown).start()

    signal.signal(signal.SIGTERM, stop)


class Handler(WSGIRequestHandler):
    timeout = float(sys.argv[2]) if len(sys.argv) > 2 else None  # that of socketserver.StreamRequestHandler


def main():
    with make_server("0.0.0.0", 8000, load(sys.argv[1]), handler_class=Handler) as server:
        stop_on_sigterm(server)
        server.serve_forever(poll_interval=0.05)  # how late it may notice shutdown()


if __name__ == "__main__":
    main()
