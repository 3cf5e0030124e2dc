"""What depends on how the server is set up, and how large a request it takes."""

import time

import record

PAUSE = 0.15  # seconds in which another call would come, if it could


def alone(environ, start_response):
    """Says whether another call was under way during this one."""
    token = record.tail(environ)
    record.note(token, "in")
    time.sleep(PAUSE)
    inside = most = 0
    for line in record.noted(token).decode().splitlines():
        inside += 1 if line == "in" else -1
        most = max(most, inside)
    record.note(token, "out")
    return record.text(start_response, f"{most} at once\n")


def flags(environ, start_response):
    """The concurrency that the server claims."""
    names = ("wsgi.multithread", "wsgi.multiprocess")
    return record.text(start_response, "".join(f"{name}: {bool(environ[name])}\n" for name in names))


def sized(environ, start_response):
    """Takes a request of any size: how large it may be is the server's."""
    left = int(environ.get("CONTENT_LENGTH") or 0)
    while left > 0 and (data := environ["wsgi.input"].read(min(left, 65536))):
        left -= len(data)
    return record.text(start_response, f"{left} bytes are missing\n")


ROUTES = {"/alone": alone, "/claimed": flags, "/sized": sized}
