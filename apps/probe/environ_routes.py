"""The environ, as the server made it (PEP 3333, environ Variables)."""

import ipaddress
import os
import re
import time
from contextlib import suppress

from record import note, noted, tail, text

# What RFC 3875 §4.1 defines, and what Apache adds: PEP 3333 asks for "other CGI variables" and
# the "Apache SSL environment variables" where they apply.
CGI = re.compile(
    r"AUTH_TYPE|CONTENT_(LENGTH|TYPE)|GATEWAY_INTERFACE|PATH_(INFO|TRANSLATED)|QUERY_STRING"
    r"|REMOTE_(ADDR|HOST|IDENT|PORT|USER)|REQUEST_(METHOD|SCHEME|URI)|SCRIPT_(FILENAME|NAME|URI|URL)"
    r"|SERVER_(ADDR|ADMIN|NAME|PORT|PROTOCOL|SIGNATURE|SOFTWARE)|DOCUMENT_ROOT|CONTEXT_\w+"
    r"|HTTPS|SSL_\w+|HTTP_.*",
    re.DOTALL,
)
OWN = re.compile(r"[a-z0-9_]+(\.[a-z0-9_]+)+")

CLAIMED = "198.51.100.7"  # what the cases put into forwarded headers; no peer has it (RFC 5737)

PATIENCE = 1.0  # seconds that one call waits for another


def drain(environ):
    """Reads the body: a server that closes on an unread one may take its response with it."""
    environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))


def query(environ):
    return environ.get("QUERY_STRING", "")


def shown(environ, key):
    """A variable whose value is empty may be absent (PEP 3333); of a header the difference counts."""
    if key.startswith("HTTP_") and key not in environ:
        return "absent"
    return ascii(environ.get(key, ""))


def variables(environ, start_response):
    """The variables that the query names."""
    drain(environ)
    return show(environ, start_response, query(environ).split("&"))


def path(environ, start_response):
    return show(environ, start_response, ("SCRIPT_NAME", "PATH_INFO"))


def show(environ, start_response, keys):
    return text(start_response, "".join(f"{key}={shown(environ, key)}\n" for key in keys))


def query_string(environ, start_response):
    return text(start_response, f"{ascii(query(environ))}\n")


def items(environ, start_response):
    """The members of a list header: servers join its lines with "," or with ", "."""
    value = environ.get(query(environ), "")
    return text(start_response, "".join(f"{ascii(item.strip())}\n" for item in value.split(",")))


def offenders(what, names):
    return f"{what}: {', '.join(sorted(map(ascii, names))) or 'none'}\n"


def types(environ, start_response):
    plain = {key: value for key, value in environ.items() if "." not in key}
    keys = (key for key in environ if type(key) is not str)
    values = (key for key, value in plain.items() if type(value) is not str)
    return text(
        start_response,
        f"environ is a dict: {type(environ) is dict}\n"
        + offenders("names that are no str", keys)
        + offenders("values that are no str", values),
    )


def narrow(environ, start_response):
    """No character stands for more than one byte."""
    strings = {key: value for key, value in environ.items() if isinstance(value, str)}
    wide = (key for key, value in strings.items() if any(ord(c) > 0xFF for c in key + value))
    return text(start_response, offenders("above U+00FF", wide))


def required(environ, start_response):
    lines = []
    for key in ("REQUEST_METHOD", "SERVER_NAME", "SERVER_PORT"):
        value = environ.get(key)
        good = type(value) is str and value
        lines.append(f"{key}: {'there' if good else ascii(value)}\n")
    return text(start_response, "".join(lines))


def port(environ, start_response):
    """The port of a TCP socket is a number, also where the client named none."""
    value = str(environ.get("SERVER_PORT", ""))
    return text(start_response, "a number\n" if value.isascii() and value.isdecimal() else ascii(value) + "\n")


def names(environ, start_response):
    """The server's own variables: lower case, with a prefix. What it inherited is not its own."""
    strange = (
        key for key in environ if not (OWN.fullmatch(key) or CGI.fullmatch(key) or key in os.environ)
    )
    return text(start_response, offenders("neither CGI nor lower case with a prefix", strange))


def version(environ, start_response):
    value = environ["wsgi.version"]
    return text(start_response, f"{type(value).__name__} {value!r}\n")


def flags(environ, start_response):
    lines = []
    for key in ("wsgi.multithread", "wsgi.multiprocess", "wsgi.run_once"):
        lines.append(f"{key}: {'there' if key in environ else 'absent'}\n")
    lines.append(f"run once: {bool(environ.get('wsgi.run_once'))}\n")
    return text(start_response, "".join(lines))


def peer(environ, start_response):
    value = environ.get("REMOTE_ADDR", "")
    address = False
    with suppress(ValueError):
        address = not ipaddress.ip_address(value).is_unspecified  # 0.0.0.0 is nobody's
    return text(
        start_response,
        f"REMOTE_ADDR is an IP address: {address}\nand the one that the request claims: {value == CLAIMED}\n",
    )


def own(environ, start_response):
    """Says whether an earlier call has left its mark, and leaves one wherever it can."""
    marked = offenders("marked", (key for key, value in environ.items() if value == "marked"))
    for key in [*environ, "HTTP_X_LATER", "probe.marked"]:
        if key != "wsgi.file_wrapper":  # some servers look it up afterwards: c1-emptied
            environ[key] = "marked"
    return text(start_response, marked)


def emptied(environ, start_response):
    """The dictionary is the application's: the server needs nothing from it any more."""
    drain(environ)
    environ.clear()
    return text(start_response, "emptied\n")


def meet(environ, start_response):
    """Two calls at once: do they meet here, and do the flags say that they can?

    Of several processes one may have accepted both connections. So only wsgi.multithread is
    refuted when they do not meet.
    """
    token, me = tail(environ), f"in {os.getpid()}"
    note(token, me)
    arrived = await_other(token)
    note(token, "out")
    threads, processes = arrived.count(me) > 1, len(set(arrived)) > 1
    lines = []
    if threads and not environ["wsgi.multithread"]:
        lines.append("two calls at once in one process, but multithread is false\n")
    if processes and not environ["wsgi.multiprocess"]:
        lines.append("two calls at once in two processes, but multiprocess is false\n")
    if len(arrived) == 1 and environ["wsgi.multithread"]:
        lines.append("never two calls at once, but multithread is true\n")
    return text(start_response, "".join(lines) or "the flags are true\n")


def await_other(token):
    """Who is here besides the caller. Who comes when somebody has left meets nobody."""
    end = time.monotonic() + PATIENCE
    while True:
        lines = noted(token).decode().splitlines()
        arrived = [line for line in lines if line.startswith("in ")]
        if len(arrived) > 1:
            return arrived if lines[1].startswith("in ") else arrived[-1:]
        if time.monotonic() > end:
            return arrived
        time.sleep(0.01)


ROUTES = {
    "/": path,  # also a path that begins with two slashes
    "/path": path,
    "/query": query_string,
    "/environ": variables,
    "/items": items,
    "/types": types,
    "/narrow": narrow,
    "/required": required,
    "/port": port,
    "/names": names,
    "/version": version,
    "/flags": flags,
    "/peer": peer,
    "/own": own,
    "/emptied": emptied,
    "/meet": meet,
}
