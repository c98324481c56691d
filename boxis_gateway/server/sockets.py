"""What asyncio's transports leave to the system's sockets."""

from __future__ import annotations

import asyncio
import fcntl
import socket
import struct
import sys
import termios
from contextlib import suppress

RESET_WHEN_CLOSED = struct.pack("ii", 1, 0)  # linger, for no time


def unsent_bytes(transport: asyncio.Transport) -> int:
    """What the client has not taken yet: here, and in the system, which may hold megabytes."""
    queued = bytes(4)
    with suppress(OSError):
        connected = transport.get_extra_info("socket")
        queued = fcntl.ioctl(connected.fileno(), termios.TIOCOUTQ, queued)
    return transport.get_write_buffer_size() + int.from_bytes(queued, sys.byteorder)


def reset(transport: asyncio.Transport) -> None:
    """Close in a way that no client takes for the end of an answer."""
    with suppress(OSError):  # it may be gone already
        connected = transport.get_extra_info("socket")
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_WHEN_CLOSED)
    transport.abort()
