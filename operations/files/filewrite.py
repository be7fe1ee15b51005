"""How bytes become a file: written beside it, with its mode, fsynced, renamed, read back by hash.

A torn or world-readable moment does not exist: the old file stays until the new one is complete.
The content travels over stdin (base64), so neither it nor a secret ever stands in an argument list.
"""

from __future__ import annotations

import base64
import hashlib
import shlex
from collections.abc import Sequence
from typing import Final

from pyinfra.api import QuoteString, StringCommand

from facts.shelltext import shell_text

#: Shell function `put DEST MODE USER GROUP SHA256 VALIDATE`.
PUT: Final = shell_text(__file__)


class FileWrite(StringCommand):
    """One atomic file write.

    An ordinary command for stock pyinfra (one exec each). The executor recognises the type and
    sends many of them as one stream.

    Args:
        path: absolute path of the file.
        content: bytes to write.
        mode: four octal digits.
        validate: shell command that must succeed before the rename; the candidate is `$B70_FILE`,
            its place will be `$B70_DEST`.
        sensitive: True keeps content and diff out of every output.
    """

    def __init__(
        self,
        path: str,
        content: bytes,
        *,
        mode: str,
        user: str,
        group: str,
        validate: str = "",
        sensitive: bool = False,
    ) -> None:
        self.path = path
        self.content = content
        self.sensitive = sensitive
        self.arguments = (
            path,
            mode,
            user,
            group,
            hashlib.sha256(content).hexdigest(),
            validate,
        )
        super().__init__(
            "sh",
            "-c",
            QuoteString(f'{PUT}put "$@"'),
            "b70-put",
            *map(QuoteString, self.arguments),
            _stdin=base64.b64encode(content).decode(),
        )


def stream(writes: Sequence[FileWrite], mark: str) -> str:
    """Return one program that performs the writes in order and stops at the first that fails.

    Args:
        writes: the files.
        mark: prefix of the line that reports each write: `MARK index status`.
    """
    lines = [PUT]
    for index, write in enumerate(writes):
        call = " ".join(map(shlex.quote, write.arguments))
        body = base64.encodebytes(write.content).decode()
        lines.append(f"put {call} <<'B70_END'\n{body}B70_END\n")
        lines.append(f"r=$?; echo '{mark}' {index} $r; [ $r = 0 ] || exit $r\n")
    return "".join(lines)
