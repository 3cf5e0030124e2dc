#!/usr/bin/python3
"""relay SOCKET COMMAND…: runs a server that listens on a Unix socket, and carries port 8000 to it.

A cell is reached by TCP. Bytes, half-closed connections and resets are passed on as they come; the
relay ends when the server does, with its status.
"""

import os
import signal
import socket
import struct
import subprocess
import sys
import threading

PORT = 8000
BLOCK = 65536
ABORT = struct.pack("ii", 1, 0)  # SO_LINGER: close with a reset


def carry(source, target):
    """Passes on what comes, and that nothing more will."""
    try:
        while data := source.recv(BLOCK):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        for end in source, target:
            try:
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, ABORT)
                end.shutdown(socket.SHUT_RDWR)
            except OSError:  # gone already
                pass


def connect(client, path):
    server = socket.socket(socket.AF_UNIX)
    with client, server:
        try:
            server.connect(path)
        except OSError:  # it does not listen yet
            return
        back = threading.Thread(target=carry, args=(server, client), daemon=True)
        back.start()
        carry(client, server)
        back.join()


def accept(listener, path):
    while True:
        client, _ = listener.accept()
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=connect, args=(client, path), daemon=True).start()


def main():
    path, *command = sys.argv[1:]
    listener = socket.create_server(("", PORT), backlog=256)
    server = subprocess.Popen(command)
    for number in signal.SIGTERM, signal.SIGINT, signal.SIGHUP:
        signal.signal(number, lambda number, frame: server.send_signal(number))
    threading.Thread(target=accept, args=(listener, path), daemon=True).start()
    status = server.wait()
    os._exit(status if status >= 0 else 128 - status)


if __name__ == "__main__":
    main()
