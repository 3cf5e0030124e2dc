"""The life of the server: one process, or workers that are forked and replaced.

A process serves until its `end` can be read, finishes what it has begun, and ends. A parent tells a
worker by closing the pipe behind that `end`; SIGTERM makes it readable in a server of one process.
"""

import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time

from mutations import wrong

DRAIN = 15.0  # seconds in which what is under way has to end
MANY = 10  # a mutation's
KEPT = []  # what must not be closed


class Process:
    """One process that serves."""

    def __init__(self, listener, connect, recycle=0):
        listener.setblocking(False)  # another worker may have taken what the select saw
        self.listener = listener
        self.connect = connect  # makes a connection of a socket
        self.recycle = recycle  # requests after which it ends; 0: never
        self.served = 0
        self.draining = False
        self.connections = set()
        self.changed = threading.Condition()

    def run(self, end):
        """Serves until end can be read, or enough requests are served."""
        self.full, full = os.pipe()
        self.tell_full = lambda: os.write(full, b".")
        while not self.ready(self.full) and end not in self.wait(end):
            try:
                sock, peer = self.listener.accept()
            except OSError:
                continue
            self.take(sock, peer)
        self.listener.close()
        self.drain()

    def wait(self, end):
        return select.select([self.listener, end, self.full], [], [])[0]

    @staticmethod
    def ready(fd):
        return bool(select.select([fd], [], [], 0)[0])

    def take(self, sock, peer):
        sock.setblocking(True)
        if wrong("death-unseen"):
            hold(sock)
        if wrong("burst-dropped") and len(self.connections) >= MANY:
            sock.close()
            return
        connection = self.connect(self, sock, peer)
        with self.changed:
            self.connections.add(connection)
        if wrong("one-at-a-time") or wrong("reset-ends-server"):
            self.serve(connection)
        else:
            threading.Thread(target=self.serve, args=[connection], daemon=True).start()

    def serve(self, connection):
        connection.serve()
        with self.changed:
            self.connections.discard(connection)
            self.changed.notify_all()

    def answered(self):
        """A request has been answered."""
        with self.changed:
            self.served += 1
            enough = self.served == self.recycle
        if enough and not wrong("recycle-never"):
            if wrong("recycle-cuts"):
                os._exit(0)
            self.tell_full()

    def drain(self):
        self.draining = True
        end = time.monotonic() + DRAIN
        with self.changed:
            for connection in self.connections:
                if not wrong("stop-keeps-idle"):
                    connection.end_idle()
            while self.connections and time.monotonic() < end:
                self.changed.wait(end - time.monotonic())


def hold(sock):
    """Somebody else has the connection open too: its client does not see the end of this process."""
    nothing = subprocess.DEVNULL
    subprocess.Popen(["sleep", "5"], pass_fds=[sock.fileno()], stdin=nothing, stdout=nothing, stderr=nothing)


def signals(*numbers):
    """A socket on which these signals arrive as bytes, in place of what they do otherwise."""
    heard, told = socket.socketpair()
    told.setblocking(False)
    signal.set_wakeup_fd(told.fileno(), warn_on_full_buffer=False)
    for number in numbers:
        signal.signal(number, lambda *_: None)
    KEPT.append(told)
    return heard


def exit_code():
    return 1 if wrong("stop-fails") else 0


def alone(process):
    """Serves from this process, until SIGTERM."""
    heard = signals(signal.SIGTERM)
    if wrong("stop-cuts"):
        signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    if wrong("stop-ignored"):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    process.run(heard)
    os._exit(exit_code())


class Parent:
    """Holds the listening socket and the workers' fate. It has no threads."""

    def __init__(self, make, count):
        self.make = make  # makes a Process
        self.count = count
        self.workers = {}  # pid -> the pipe that ends it

    def run(self):
        heard = signals(signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD)
        self.fill()
        while True:
            ready, _, _ = select.select([heard, sys.stdin], [], [])
            if sys.stdin in ready:
                os._exit(0)  # the pipes close, and the workers end
            for number in heard.recv(64):
                self.hear(number)

    def hear(self, number):
        if number == signal.SIGTERM:
            self.retire(list(self.workers))
            while self.reap(0):
                pass
            os._exit(exit_code())
        if number == signal.SIGHUP and not wrong("reload-ignored"):
            self.reload()
        while self.reap(os.WNOHANG):
            if wrong("worker-death-ends-server"):
                os._exit(1)
        if not wrong("worker-not-replaced"):
            self.fill()

    def reload(self):
        old = list(self.workers)
        if wrong("reload-cuts"):
            for pid in old:
                os.kill(pid, signal.SIGKILL)
        self.retire(old)
        self.fill()

    def retire(self, pids):
        for pid in pids:
            os.close(self.workers.pop(pid))

    def reap(self, how):
        """One worker that has ended; whether there was one."""
        try:
            pid, _ = os.waitpid(-1, how)
        except ChildProcessError:
            return False
        if pid in self.workers:
            self.retire([pid])
        return pid != 0

    def fill(self):
        while len(self.workers) < self.count:
            self.fork()

    def fork(self):
        end, hold_open = os.pipe()
        pid = os.fork()
        if pid:
            os.close(end)
            self.workers[pid] = hold_open
            return
        for other in (hold_open, *self.workers.values()):
            os.close(other)
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        self.make().run(end)
        os._exit(0)
