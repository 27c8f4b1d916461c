"""A listening socket that takes no more connections, and loses none."""

import ctypes
import socket
import struct

_SO_ATTACH_FILTER = 26
# The kernel's packet filter: load the byte of flags; is SYN among them? drop; else keep.
_DROP_SYN = [(0x30, 0, 0, 13), (0x45, 0, 1, 0x02), (0x06, 0, 0, 0), (0x06, 0, 0, 0xFFFFFFFF)]


def drop_new_connections(listening: socket.socket) -> None:
    """Has the kernel drop what opens a connection, and keep those that have been opened.

    Whoever connects tries again after a second, and is refused once the socket is closed.
    """
    code = b"".join(struct.pack("HBBI", *instruction) for instruction in _DROP_SYN)
    buffer = ctypes.create_string_buffer(code)
    program = struct.pack("HL", len(_DROP_SYN), ctypes.addressof(buffer))
    listening.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, program)
