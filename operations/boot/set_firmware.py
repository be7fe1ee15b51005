"""A firmware blob in the folder of its boot set, uncompressed: the fallback keeps its own."""

from __future__ import annotations

from typing import Final

from pyinfra import host
from pyinfra.api.exceptions import OperationError

from facts.shelltext import shell_text
from operations.boot.plain import PLAIN
from operations.files.filewrite import FileWrite
from operations.operation import Commands, differs, operation
from operations.require import path_state
from operations.script import Script

_INSTALL: Final = PLAIN + shell_text(__file__)
#: Characters of `firmware_class.path=` that the kernel takes (linux drivers/base/firmware_loader/
#: main.c, fw_path_para); a longer one is cut without a word.
LONGEST_PATH: Final = 255


@operation()
def set_firmware(
    path: str, sha256: str, content: bytes | None = None, source: str = ""
) -> Commands:
    """Keep a firmware blob with exactly this content.

    + path: in the firmware folder of a boot set
    + sha256: of the blob, uncompressed
    + content: the blob, when it comes from the fleet directory
    + source: path of the blob on the host, when it is there already, compressed or not
    """
    if len(path.rpartition("/")[0]) > LONGEST_PATH:
        raise OperationError(f"{path}: the kernel takes at most {LONGEST_PATH} characters")
    found = path_state(path)
    current = found.sha256 if found is not None else ""
    if found is not None and not isinstance(current, str):
        raise OperationError(f"content of {path} is UNKNOWN: {found.kind} {current}")
    if current == sha256:
        host.noop(f"{_short(sha256)} as declared")
        return
    differs("firmware", _short(sha256), _short(str(current)) if current else None)
    if content is not None:
        yield FileWrite(path, content, mode="0644", user="root", group="root")
    else:
        yield Script(_INSTALL, "b70-blob", source, path, sha256, shown=("install", source, path))


def _short(sha256: str) -> str:
    return f"sha256 {sha256[:16]}…"
