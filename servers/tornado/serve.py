"""Serve module:callable with Tornado's HTTP server, through WSGIContainer, the application in a pool of threads."""

import argparse
import asyncio
import importlib
import signal
from concurrent.futures import ThreadPoolExecutor

from tornado.httpserver import HTTPServer
from tornado.netutil import bind_unix_socket
from tornado.wsgi import WSGIContainer


def load(spec):
    module, _, name = spec.partition(":")
    return getattr(importlib.import_module(module), name)


def options():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("app", metavar="module:callable")
    parser.add_argument("--unix", metavar="PATH", help="listen on a Unix socket")
    parser.add_argument("--threads", metavar="NUMBER", type=int, default=8)
    parser.add_argument("--timeout", metavar="SECONDS", type=int, default=60, help="how long to wait for a client")
    parser.add_argument("--max-body", metavar="BYTES", type=int, default=1 << 30, help="the largest request body")
    return parser.parse_args()


async def main():
    given = options()
    # Without an executor the application runs in the event loop, and one that waits stops everybody.
    container = WSGIContainer(load(given.app), executor=ThreadPoolExecutor(given.threads))
    server = HTTPServer(
        container,
        idle_connection_timeout=given.timeout,
        body_timeout=given.timeout,
        max_body_size=given.max_body,
        max_buffer_size=given.max_body,  # it holds the whole body in memory
    )
    if given.unix:
        server.add_socket(bind_unix_socket(given.unix))
    else:
        server.listen(8000, address="0.0.0.0")
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    await ended.wait()
    server.stop()
    await server.close_all_connections()


if __name__ == "__main__":
    asyncio.run(main())
