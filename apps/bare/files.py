"""Static files: validators, conditional requests and one byte range (RFC 9110 §13 and §14)."""

import mimetypes
import re
from email.utils import formatdate, parsedate_to_datetime
from hashlib import sha256
from pathlib import Path

from router import HTTPError, Response


class Folder:
    """Answers with the files of one folder, which do not change while the application runs."""

    def __init__(self, path):
        self.files = {file.name: file for file in Path(path).iterdir()}

    def answer(self, request, name):
        # A look-up instead of a path: whatever is asked for, nothing outside the folder is found.
        if name not in self.files:
            raise HTTPError(404)
        file = self.files[name]
        content = file.read_bytes()
        modified = int(file.stat().st_mtime)
        validators = [
            ("ETag", f'"{sha256(content).hexdigest()[:16]}"'),
            ("Last-Modified", formatdate(modified, usegmt=True)),
        ]
        if unchanged(request, validators[0][1], modified):
            return Response(status=304, headers=validators)
        content_type = mimetypes.guess_type(name)[0] or "application/octet-stream"
        return ranged(request, content, content_type, [*validators, ("Accept-Ranges", "bytes")])


def unchanged(request, etag, modified):
    """RFC 9110 §13.2.2: If-None-Match counts before If-Modified-Since."""
    if tags := request.header("If-None-Match"):
        return tags == "*" or etag in re.findall(r'"[^"]*"', tags)
    if since := request.header("If-Modified-Since"):
        try:
            return modified <= parsedate_to_datetime(since).timestamp()
        except ValueError:
            return False  # no date: as if it were not there
    return False


def ranged(request, content, content_type, headers):
    """One range of bytes; anything else that Range may say is passed over, as a server may."""
    match = re.fullmatch(r"bytes=(\d+)-(\d*)", request.header("Range", ""))
    if not match or request.method != "GET" or request.header("If-Range"):
        return Response(content, content_type=content_type, headers=headers)
    first, last = int(match[1]), min(int(match[2] or len(content)), len(content) - 1)
    if first > last:
        raise HTTPError(416, [("Content-Range", f"bytes */{len(content)}")])
    headers = [*headers, ("Content-Range", f"bytes {first}-{last}/{len(content)}")]
    return Response(content[first : last + 1], 206, content_type, headers)
