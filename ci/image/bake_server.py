"""Makes a server's image of its folder: its Debian packages, and /usr/local/bin/serve, which starts it."""

import pathlib
import shlex

import yaml

import apt
from environment import exports

DESCRIPTION = pathlib.Path("/server/server.yaml")
SERVE = pathlib.Path("/usr/local/bin/serve")
RELAY = pathlib.Path("/usr/local/bin/relay")


def main():
    if not DESCRIPTION.exists():  # the stage is only passed on the way to another
        return
    server = yaml.safe_load(DESCRIPTION.read_text())
    apt.install(server.get("packages") or [])
    SERVE.write_text(script(server["command"], server.get("env") or {}))
    SERVE.chmod(0o755)
    RELAY.symlink_to("/usr/local/lib/wsgi-matrix/relay.py")


def script(command, env):
    """The shell script that becomes the server: $1 is module:callable."""
    words = " ".join(word(argument) for argument in command)
    return f"#!/bin/sh\n{exports(env)}[ ! -r /app/.environment ] || . /app/.environment\nexec {words}\n"


def word(argument):
    """One argument, quoted for the shell, with {app} replaced by the script's own argument."""
    return '"$1"'.join(shlex.quote(part) if part else "" for part in str(argument).split("{app}")) or "''"


if __name__ == "__main__":
    main()
