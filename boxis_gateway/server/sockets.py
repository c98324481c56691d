"""Socket operations that asyncio's transports lack."""

from __future__ import annotations

import asyncio
import fcntl
import socket
import struct
import sys
import termios
from contextlib import suppress

LINGER_ZERO = struct.pack("ii", 1, 0)  # SO_LINGER on, for no time


def unsent_bytes(transport: asyncio.Transport) -> int:
    """Bytes not yet acknowledged by the client, in our buffer and in the kernel's, which may hold
    megabytes."""
    queued = bytes(4)
    with suppress(OSError):
        connected = transport.get_extra_info("socket")
        queued = fcntl.ioctl(connected.fileno(), termios.TIOCOUTQ, queued)
    return transport.get_write_buffer_size() + int.from_bytes(queued, sys.byteorder)


def reset(transport: asyncio.Transport) -> None:
    """Close with a TCP reset, which no client takes for the end of an answer."""
    with suppress(OSError):  # the socket may be closed already
        connected = transport.get_extra_info("socket")
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_ZERO)
    transport.abort()
