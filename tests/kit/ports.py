"""Ports that something else has taken."""

from __future__ import annotations

import socket


def listener(port: int) -> socket.socket:
    """A program that took a port, until the socket is closed."""
    server = socket.socket()
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.bind(("127.0.0.1", port))
    server.listen()
    return server
