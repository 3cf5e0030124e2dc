"""wsgi.file_wrapper (PEP 3333, Optional Platform-Specific File Handling)."""

import os
from contextlib import suppress

from mutations import wrong

BLOCK = 8192


class FileWrapper:
    def __init__(self, file, block=BLOCK, /):
        self.file = file
        self.block = block
        self.early = file.read() if wrong("file-read-early") else b""
        if hasattr(file, "close"):
            self.close = (lambda: None) if wrong("file-not-closed") else file.close
        elif wrong("file-needs-descriptor"):
            file.fileno()

    def blocks(self):
        position(self.file)
        if self.early:
            yield self.early
        while block := self.file.read(self.block):
            if len(block) < BLOCK and wrong("file-half"):
                block = block[: len(block) // 2]
            yield block
            if wrong("file-one-block"):
                return

    def __iter__(self):
        if wrong("file-not-iterable"):
            raise TypeError("the server alone can send it")
        return self.blocks()


def position(file):
    if wrong("file-needs-descriptor"):
        file.fileno()
    if wrong("file-from-start") and hasattr(file, "seek"):
        file.seek(0)
    if wrong("file-at-descriptor"):
        with suppress(AttributeError, OSError):  # what has no descriptor
            file.seek(os.lseek(file.fileno(), 0, os.SEEK_CUR))
