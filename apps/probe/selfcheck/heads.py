"""Request heads: bytes -> Request (RFC 9112, sections 2, 3 and 5)."""

import re

from mutations import wrong

LINE = 16384  # bytes of one line
FIELDS = 128
HEAD = 65536

TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
VERSION = re.compile(r"HTTP/([0-9])\.([0-9])")
HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._~!$&'()*+,;=%-]*)(:[0-9]*)?")
CONTROL = re.compile("[\x00-\x08\x0a-\x1f\x7f]")


class Refused(Exception):
    """A request that is answered with this status, and its connection closed."""

    def __init__(self, status):
        super().__init__(status)
        self.status = status


class Gone(Exception):
    """The client has ended the connection. `data` is what came of a body."""

    def __init__(self, data=b""):
        super().__init__("the client has gone")
        self.data = data


class Request:
    def __init__(self, method, target, version):
        self.method = method
        self.target = target
        self.version = version
        self.old = version == "HTTP/1.0" and not wrong("old-is-new")
        self.fields = []  # (lower case, as sent, value)
        self.host = None
        self.path = self.query = ""

    def values(self, name):
        return [value for lower, _, value in self.fields if lower == name]

    def members(self, name):
        """The members of a list header, in lower case."""
        return [member.strip(" \t").lower() for value in self.values(name) for member in value.split(",")]


def read(reader):
    """The next request's head."""
    request = request_line(first_line(reader))
    request.fields = fields(reader)
    check_host(request)
    resolve(request)
    return request


def first_line(reader):
    line = b"\r\n"
    while line == b"\r\n":
        line = reader.readline(LINE + 1)
        if line == b"\r\n" and wrong("empty-line-refused"):
            raise Refused("400 Bad Request")
    return text(line, "414 URI Too Long", 4094 if wrong("line-4094") else LINE)


def text(line, too_long, most=LINE):
    """A line without its end."""
    if not line:
        raise Gone
    if len(line) > most:
        if wrong("limit-unanswered"):
            raise Gone
        raise Refused(too_long)
    if not line.endswith(b"\n"):
        raise Gone
    if not line.endswith(b"\r\n"):
        if wrong("bare-lf-waited"):
            raise Waits
        raise Refused("400 Bad Request")
    return line[:-2].decode("latin-1")


class Waits(Exception):
    """A mutation waits for what never comes."""


def request_line(line):
    try:
        return parse_request_line(line)
    except Refused as refused:
        if refused.status.startswith("400") and wrong("bad-line-unanswered"):
            raise Gone from None
        raise


def parse_request_line(line):
    parts = line.split(" ")
    if len(parts) == 2 and wrong("version-optional"):
        parts.append("HTTP/1.0")
    if len(parts) > 3 and wrong("target-with-spaces"):
        parts[1:-1] = parts[1:2]
    if len(parts) != 3:
        raise Refused("400 Bad Request")
    method, target, version = parts
    if wrong("version-any-name"):
        version = "HTTP" + version[version.find("/") :]
    if not (TOKEN.fullmatch(method) and target and VERSION.fullmatch(version)) or CONTROL.search(target):
        raise Refused("400 Bad Request")
    if version[5] != "1" and not wrong("version-echoed"):
        raise Refused("505 HTTP Version Not Supported")
    if version[7] != "0" and not wrong("version-echoed"):
        version = "HTTP/1.1"
    return Request(method, target, version)


def fields(reader):
    found, size = [], 0
    for line in lines(reader):
        size += len(line)
        if len(found) == FIELDS or size > HEAD:
            if wrong("limit-unanswered"):
                raise Gone
            raise Refused("431 Request Header Fields Too Large")
        if line[0] in " \t" and found and wrong("fold-joined"):
            lower, name, value = found.pop()
            found.append((lower, name, value + line.strip()))
        elif ":" in line or not wrong("no-colon-skipped"):
            found.append(field(line))
    return found


def lines(reader):
    while line := text(reader.readline(LINE + 1), "431 Request Header Fields Too Large"):
        if wrong("bare-cr-ends-line"):
            yield from line.split("\r")
        else:
            yield line


def field(line):
    if wrong("leading-space-trimmed"):
        line = line.lstrip()
    name, colon, value = line.partition(":")
    if wrong("colon-space-trimmed"):
        name = name.rstrip()
    if not (colon and TOKEN.fullmatch(name)) or CONTROL.search(allowed(value)):
        raise Refused("400 Bad Request")
    if wrong("header-not-trimmed"):
        return name.lower(), name, value.removeprefix(" ")
    return name.lower(), name, value.strip(" \t")


def allowed(value):
    """The value without the control characters that a mutation lets pass."""
    if wrong("bare-cr-kept"):
        value = value.replace("\r", "")
    return value.replace("\0", "") if wrong("nul-kept") else value


def check_host(request):
    hosts = request.values("host")
    if wrong("host-unchecked"):
        request.host = hosts[0] if hosts else None
        return
    if len(hosts) > 1 or not all(HOST.fullmatch(host) for host in hosts):
        raise Refused("400 Bad Request")
    if not hosts and (not request.old or wrong("host-always-needed")):
        raise Refused("400 Bad Request")
    request.host = hosts[0] if hosts else None


def resolve(request):
    """The four forms of a target (RFC 9112, section 3.2)."""
    target = request.target
    if request.method == "CONNECT" and not wrong("connect-passed"):
        raise Refused("501 Not Implemented")
    if "#" in target:
        if not wrong("fragment-passed"):
            raise Refused("400 Bad Request")
        target = target.partition("#")[0]
    if target == "*" and request.method == "OPTIONS":
        target = "*" if wrong("asterisk-passed") else "/"
    elif target.lower().startswith(("http://", "https://")):
        target = absolute(request, target)
    elif "//" in target and wrong("two-slashes-name-a-host"):
        target = "/" + target.partition("//")[2].partition("/")[2]
    elif not target.startswith("/") and request.method != "CONNECT":
        if not wrong("relative-passed"):
            raise Refused("400 Bad Request")
        target = "/" + target
    split(request, target)


def absolute(request, target):
    host, slash, path = target.partition("://")[2].partition("/")
    if not wrong("absolute-host-ignored"):
        request.host = host
    return target if wrong("absolute-whole") else slash + path if slash else "/"


def split(request, target):
    if wrong("query-last-mark"):
        path, mark, query = target.rpartition("?") if "?" in target else (target, "", "")
    else:
        path, mark, query = target.partition("?")
    request.path = target if wrong("path-with-query") else path
    request.query = mark + query if wrong("query-with-mark") else query
    if not mark and wrong("query-none"):
        request.query = None
