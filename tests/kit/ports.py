"""Programs that sit on a port and are no chain."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager


def listener(port: int) -> socket.socket:
    """A program that takes connections and says nothing."""
    server = socket.socket()
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.bind(("127.0.0.1", port))
    server.listen()
    return server


@contextmanager
def hanging_up(port: int) -> Iterator[None]:
    """A program that takes connections and ends each at once."""
    server = listener(port)

    def serve() -> None:
        while True:
            try:
                server.accept()[0].close()
            except OSError:
                return

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown(2)
        server.close()
        thread.join()
