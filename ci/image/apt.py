"""Installs Debian packages while an image is built."""

import os
import subprocess


def install(packages):
    """Installs packages from the lists that the base image has, or from new ones if the mirror has moved on."""
    if not packages:
        return
    os.environ["DEBIAN_FRONTEND"] = "noninteractive"
    command = ["apt-get", "install", "-y", "-q", "--no-install-recommends", "--", *packages]
    if subprocess.run(command).returncode != 0:
        subprocess.run(["apt-get", "update", "-q"], check=True)
        subprocess.run(command, check=True)
    subprocess.run(["apt-get", "clean"], check=True)
