"""Says something to a kernel's own monitor (mconsole, see Documentation/virt/uml in Linux).

It works without user space in the guest. A kernel that is told to panic never answers, so nobody
waits.
"""

from __future__ import annotations

import os
import socket
import struct
from pathlib import Path
from typing import Final

from lab.errors import LabError

#: struct mconsole_request: magic, version 2, length, text of 512 bytes.
_REQUEST: Final = struct.Struct("=III512s")
_MAGIC: Final = 0xCAFEBABE


def send(folder: Path, command: str) -> None:
    """Send one command.

    Args:
        folder: the kernel's, below its `uml_dir`.
        command: such as "sysrq c".

    Raises:
        LabError: no kernel listens there.
    """
    request = _REQUEST.pack(_MAGIC, 2, len(command), command.encode())
    place = os.open(folder.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
            # a socket's path may have 107 characters only
            line.sendto(request, f"/proc/self/fd/{place}/{folder.name}/mconsole")
    except OSError as error:
        raise LabError(f"no kernel listens in {folder}: {error}") from error
    finally:
        os.close(place)
