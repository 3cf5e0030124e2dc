"""Makes /app of an application's folder: its Debian packages beside its code, everything compiled.

Cells mount /app read-only into a server's image, which has none of these packages.
"""

import compileall
import pathlib
import py_compile
import shutil

import yaml

import apt
from environment import exports

APP = pathlib.Path("/app")
PACKAGES = APP / ".packages"
DEBIAN = pathlib.Path("/usr/lib/python3/dist-packages")


def main():
    description = APP / "app.yaml"
    if not description.exists():  # the stage is only passed on the way to another
        return
    app = yaml.safe_load(description.read_text()) or {}
    apt.install(app.get("packages") or [])
    # Debian's packages link to files elsewhere, which a cell would not find: copy what the links mean.
    shutil.copytree(DEBIAN, PACKAGES, ignore_dangling_symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
    # A server's `serve` reads it.
    (APP / ".environment").write_text(exports(app.get("env") or {}))
    compiled = compileall.compile_dir(
        APP, quiet=1, workers=0, maxlevels=40,
        # On a read-only mount nothing can have changed: do not look.
        invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
    )
    if not compiled:
        print("warning: some modules do not compile")  # Python 2 templates and the like; the app shows if it matters


if __name__ == "__main__":
    main()
