"""Serve module:callable with gevent's own WSGI server, a greenlet for each connection."""

from gevent import monkey

# Before anything else is imported, as gevent's documentation asks: what waits in the application
# then lets other greenlets go on.
monkey.patch_all()

import argparse
import importlib
import os
import signal

import gevent
from gevent import socket
from gevent.pywsgi import WSGIServer

GRACE = 5  # seconds for the requests in flight, and for idle connections too


def load(spec):
    module, _, name = spec.partition(":")
    return getattr(importlib.import_module(module), name)


def unix_listener(path):
    if os.path.exists(path):
        os.unlink(path)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(WSGIServer.backlog)
    return listener


def options():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("app", metavar="module:callable")
    parser.add_argument("--unix", metavar="PATH", help="listen on a Unix socket")
    parser.add_argument("--connections", metavar="NUMBER", type=int, default=1000, help="the most at once")
    return parser.parse_args()


def main():
    given = options()
    listener = unix_listener(given.unix) if given.unix else ("0.0.0.0", 8000)
    # A number makes a pool of greenlets, and only a pool is waited for at the end. No access log:
    # say in the log what went wrong, not what went well.
    server = WSGIServer(listener, load(given.app), spawn=given.connections, log=None)
    for number in signal.SIGTERM, signal.SIGINT:
        gevent.signal_handler(number, server.close)
    server.serve_forever(stop_timeout=GRACE)


if __name__ == "__main__":
    main()
