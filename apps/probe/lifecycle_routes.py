"""What is under way while the server is told to stop, to reload, or while a worker is killed."""

import os
import time

import record

TICKS = os.sysconf("SC_CLK_TCK")
DRIPS = 20
DRIP = 0.05  # seconds: a second passes between the first drip and the last
HOLD = 3.0  # seconds in which somebody may kill the worker
BRIEF = 0.02


def mark(environ, start_response):
    """Notes what time it is, and answers when the clock that processes are dated by has moved on."""
    record.note(record.tail(environ), repr(time.clock_gettime(time.CLOCK_BOOTTIME)))
    time.sleep(2 / TICKS)
    return record.text(start_response, "marked\n")


def younger(environ, start_response):
    """Whether the process that answers was made after the mark."""
    marked = float(record.noted(record.tail(environ)).split()[0])
    with open("/proc/self/stat", encoding="latin-1") as f:
        started = int(f.read().rpartition(")")[2].split()[19]) / TICKS
    return record.text(start_response, "younger\n" if started > marked else "as old\n")


def drips(environ, start_response):
    """A stream that takes its time."""
    start_response("200 OK", [("Content-Type", "text/plain")])
    yield b"begun\n"
    for _ in range(DRIPS):
        time.sleep(DRIP)
        yield b"."
    yield b"\ndone\n"


def held(environ, start_response):
    """A request without a response, for as long as it takes to kill its worker."""
    record.note(record.tail(environ), f"pid {os.getpid()}")
    time.sleep(HOLD)
    return record.text(start_response, "nobody has killed it\n")


def held_stream(environ, start_response):
    """A response that has begun, for as long as it takes to kill its worker."""
    start_response("200 OK", [("Content-Type", "text/plain")])
    yield f"pid {os.getpid()}\n".encode()
    time.sleep(HOLD)
    yield b"nobody has killed it\n"


def brief(environ, start_response):
    """A request that takes a moment: of many, some are always under way."""
    time.sleep(BRIEF)
    return record.text(start_response, "done\n")


ROUTES = {
    "/life-mark": mark,
    "/life-younger": younger,
    "/life-drips": drips,
    "/life-held": held,
    "/life-held-stream": held_stream,
    "/life-brief": brief,
}
