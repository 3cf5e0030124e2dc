"""Request bodies: their framing (RFC 9112, sections 6 and 7), and wsgi.input."""

import io
import re

from heads import LINE, Gone, Refused, Waits, text
from mutations import wrong

SIZE = re.compile("[0-9A-Fa-f]{1,16}")
MOST = 1 << 40  # bytes of a chunk


def framing(request):
    """None, "chunked", or the number of bytes."""
    codings, lengths = request.members("transfer-encoding"), request.members("content-length")
    if codings and lengths:
        if wrong("length-wins"):
            codings = []
        elif not wrong("coding-wins"):
            raise Refused("400 Bad Request")
    if codings:
        return coding(request, codings)
    return length(lengths) if lengths else None


def coding(request, codings):
    if request.old and not wrong("chunked-in-1.0"):
        raise Refused("400 Bad Request")
    if wrong("chunked-refused"):
        raise Refused("411 Length Required")
    if wrong("coding-contains") and any("chunked" in name for name in codings):
        return "chunked"
    if any(name != "chunked" for name in codings):
        if wrong("coding-ignored"):
            return None
        raise Refused("501 Not Implemented")
    if len(codings) > 1:
        raise Refused("400 Bad Request")
    return "chunked"


def length(values):
    if wrong("length-last-wins"):
        values = values[-1:]
    if wrong("length-int") and len(values) == 1 and re.fullmatch("[+-]?[0-9_]+", values[0]):
        return max(0, int(values[0]))
    if len(values) > 1 or not re.fullmatch("[0-9]{1,15}", values[0]):
        if wrong("length-lenient"):
            return 0
        raise Refused("400 Bad Request")
    return int(values[0])


def read(request, reader, framed):
    """The whole body."""
    if framed is None:
        return b""
    if framed == "chunked":
        return chunks(request, reader)
    data = reader.read(framed)
    if len(data) < framed:
        raise Gone(data)
    return data


def chunks(request, reader):
    data = b""
    while size := chunk_size(text(reader.readline(LINE + 1), "400 Bad Request")):
        chunk = reader.read(size)
        data += chunk
        end = reader.read(2)
        if len(end) < 2:
            raise Gone(data)
        if end != b"\r\n" and not wrong("chunk-end-unchecked"):
            raise Refused("400 Bad Request")
    if wrong("last-chunk-waits"):
        raise Waits
    trailers(request, reader)
    return data


def chunk_size(line):
    digits, extension, _ = line.partition(";")
    if extension and wrong("extension-refused"):
        raise Refused("400 Bad Request")
    size = number(digits.strip(" \t"))
    if size > MOST:
        raise Refused("413 Content Too Large")
    return size


def number(digits):
    if not digits and wrong("chunk-size-empty"):
        return 0
    try:
        if wrong("chunk-size-int"):
            return int(digits, 16)
        if wrong("chunk-size-decimal"):
            return int(digits)
        if wrong("chunk-size-wraps"):
            return int(digits, 16) % (1 << 64)
    except ValueError:
        raise Refused("400 Bad Request") from None
    if not SIZE.fullmatch(digits):
        raise Refused("400 Bad Request")
    return int(digits, 16)


def trailers(request, reader):
    if wrong("trailer-left"):
        return
    while line := text(reader.readline(LINE + 1), "431 Request Header Fields Too Large"):
        name, _, value = line.partition(":")
        if wrong("trailer-merged"):
            request.fields.append((name.lower(), name, value.strip()))


class Input(io.BytesIO):
    """wsgi.input: io.BytesIO is all that PEP 3333 asks for; what stands here is wrong."""

    def read(self, size=-1, /):
        if size == -1 and wrong("read-minus-one-empty"):
            return b""
        if wrong("read-too-much"):
            size = -1
        if size > 1000 and wrong("read-short"):
            size = 1000
        return super().read(size)

    def readline(self, size=-1, /):
        if wrong("readline-size-ignored"):
            size = -1
        if size == -1 and wrong("readline-8k"):
            size = 8192
        line = super().readline(size)
        if wrong("readline-end-dropped"):
            return line.rstrip(b"\n")
        return ended(line)

    def readlines(self, hint=-1, /):
        if wrong("readlines-empty"):
            return []
        lines = super().readlines(hint)
        if hint > 0 and wrong("readlines-hint-loses"):
            super().readline()
        return [ended(line) for line in lines]

    def __iter__(self):
        if wrong("iteration-whole"):
            return iter([super().read()])
        if wrong("iteration-again"):
            return iter(io.BytesIO(self.getvalue()))
        return super().__iter__()


def ended(line):
    """The last line as it is."""
    return line + b"\n" if line and line[-1:] != b"\n" and wrong("readline-end-added") else line


class Sized(Input):
    """A mutation's: sizes have to be given, and be no less than zero."""

    def read(self, size, /):
        return super().read(size)


class Few:
    """A mutation's: two methods."""

    def __init__(self, data):
        stream = io.BytesIO(data)
        self.read, self.readline = stream.read, stream.readline


class NoLine(Input):
    """A mutation's: readline(-1) is taken at its word."""

    def readline(self, size=None, /):
        return b"" if size == -1 else super().readline(-1 if size is None else size)


def stream(data):
    """wsgi.input of a whole body."""
    if wrong("input-few-methods"):
        return Few(data)
    if wrong("input-text"):
        return io.StringIO(data.decode("latin-1"))
    if wrong("input-newlines"):
        data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    if wrong("read-needs-size"):
        return Sized(data)
    if wrong("readline-minus-one-empty"):
        return NoLine(data)
    return Input(data[: 1 << 16] if wrong("body-64k") else data)
