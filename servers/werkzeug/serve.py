"""Serve module:callable with Werkzeug's development server, which is what `flask run` starts.

It has had no command line of its own since Werkzeug 2.1: run_simple() is its door.
"""

import argparse
import importlib

from werkzeug.exceptions import NotFound
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.serving import WSGIRequestHandler, run_simple


def load(spec):
    module, _, name = spec.partition(":")
    return getattr(importlib.import_module(module), name)


def handler(timeout):
    """The server's own request handler, which waits for a client as long as its attribute says."""
    return type("Handler", (WSGIRequestHandler,), {"timeout": timeout})


def options():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("app", metavar="module:callable")
    parser.add_argument("--host", default="0.0.0.0", help="or unix://PATH")
    parser.add_argument("--single", action="store_true", help="one request at a time")
    parser.add_argument("--mount", metavar="PATH", help="where the application is mounted")
    parser.add_argument("--timeout", metavar="SECONDS", type=float, help="how long to wait for a client")
    return parser.parse_args()


def main():
    given = options()
    app = load(given.app)
    if given.mount:
        app = DispatcherMiddleware(NotFound(), {given.mount: app})
    run_simple(given.host, 8000, app, threaded=not given.single, request_handler=handler(given.timeout))


if __name__ == "__main__":
    main()
