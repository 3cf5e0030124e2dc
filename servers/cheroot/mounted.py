"""Serve module:callable below /app: the cheroot command has no option for it, its library has."""

import importlib
import sys

from cheroot import wsgi


def load(spec):
    module, _, name = spec.partition(":")
    return getattr(importlib.import_module(module), name)


def main():
    mounts = wsgi.PathInfoDispatcher({"/app": load(sys.argv[1])})
    wsgi.Server(("0.0.0.0", 8000), mounts).safe_start()


if __name__ == "__main__":
    main()
