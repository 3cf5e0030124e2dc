"""Serve module:callable with Uvicorn, through a2wsgi, which Uvicorn's documentation names for WSGI."""

import argparse
import importlib

import uvicorn
from a2wsgi import WSGIMiddleware


def load(spec):
    module, _, name = spec.partition(":")
    return getattr(importlib.import_module(module), name)


def options():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("app", metavar="module:callable")
    parser.add_argument("--uds", metavar="PATH", help="listen on a Unix socket")
    parser.add_argument("--threads", metavar="NUMBER", type=int, default=10)
    parser.add_argument("--timeout-keep-alive", metavar="SECONDS", type=int, default=5)
    return parser.parse_args()


def main():
    given = options()
    uvicorn.run(
        WSGIMiddleware(load(given.app), workers=given.threads),
        host="0.0.0.0",
        port=8000,
        uds=given.uds,
        timeout_keep_alive=given.timeout_keep_alive,
        timeout_graceful_shutdown=5,
        lifespan="off",  # a2wsgi knows http alone
        access_log=False,
    )


if __name__ == "__main__":
    main()
