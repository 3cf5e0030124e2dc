"""Serve module:callable with Twisted's WSGIResource, the application in a pool of threads."""

import argparse
import importlib
import sys

from twisted.internet import endpoints, reactor
from twisted.logger import FilteringLogObserver, LogLevel, LogLevelFilterPredicate, globalLogPublisher, textFileLogObserver
from twisted.python.threadpool import ThreadPool
from twisted.web.resource import Resource
from twisted.web.server import Site
from twisted.web.wsgi import WSGIResource


def load(spec):
    module, _, name = spec.partition(":")
    return getattr(importlib.import_module(module), name)


def options():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("app", metavar="module:callable")
    parser.add_argument("--listen", metavar="ENDPOINT", default="tcp:8000")
    parser.add_argument("--threads", metavar="NUMBER", type=int, default=8)
    parser.add_argument("--mount", metavar="NAME", help="the path segment below which the application is")
    parser.add_argument("--timeout", metavar="SECONDS", type=int, default=60, help="how long to wait for a client")
    return parser.parse_args()


def main():
    given = options()
    warnings = LogLevelFilterPredicate(defaultLogLevel=LogLevel.warn)
    globalLogPublisher.addObserver(FilteringLogObserver(textFileLogObserver(sys.stderr), [warnings]))
    pool = ThreadPool(0, given.threads)
    pool.start()
    reactor.addSystemEventTrigger("after", "shutdown", pool.stop)
    resource = WSGIResource(reactor, pool, load(given.app))
    if given.mount:
        root = Resource()
        root.putChild(given.mount.encode(), resource)
        resource = root
    endpoints.serverFromString(reactor, given.listen).listen(Site(resource, timeout=given.timeout))
    reactor.run()


if __name__ == "__main__":
    main()
