"""A GuC blob by content: what lay there before is kept once, under the name of its hash."""

from __future__ import annotations

from typing import Final

from pyinfra import host
from pyinfra.api.exceptions import OperationError

from declaration.onhost import FIRMWARE
from facts.shelltext import shell_text
from operations.files.filewrite import FileWrite
from operations.operation import Commands, differs, operation
from operations.require import path_state
from operations.script import Script

_BACK_UP: Final = shell_text(__file__, "_backup")
_INSTALL: Final = shell_text(__file__, "_install")


def backup_path(path: str, sha256: str) -> str:
    """Return where a blob with this content is kept."""
    return f"{FIRMWARE}/{path.rpartition('/')[2]}.{sha256[:16]}"


def shadows(path: str, release: str) -> tuple[str, ...]:
    """Return the files that the kernel would load instead of a blob, the strongest first.

    The order is that of linux drivers/base/firmware_loader/main.c (fw_path); an uncompressed file
    anywhere comes before a compressed one.
    """
    root, _, name = path.partition("/lib/firmware/")
    folder = f"{root}/lib/firmware"
    places = [f"{folder}/{sub}/{name}" for sub in (f"updates/{release}", "updates", release)]
    if name.endswith(".bin"):
        return tuple(places)
    plain = name.rpartition(".")[0]
    folders = (f"updates/{release}/", "updates/", f"{release}/", "")
    return (*(f"{folder}/{sub}{plain}" for sub in folders), *places)


@operation()
def guc_firmware(
    path: str, sha256: str, release: str, content: bytes | None = None, source: str = ""
) -> Commands:
    """Keep a firmware blob with exactly this content.

    + path: where the driver looks for it
    + sha256: of the file
    + release: kernel that will load it
    + content: the blob, when it comes from the fleet directory
    + source: path of the blob on the host, when it is there already
    """
    found = path_state(path)
    hiding = [place for place in shadows(path, release) if path_state(place) is not None]
    current = found.sha256 if found is not None else ""
    if hiding:
        raise OperationError(f"{hiding[0]} would be loaded instead of {path}; move it away first")
    if found is not None and not isinstance(current, str):
        raise OperationError(f"content of {path} is UNKNOWN: {found.kind} {current}")
    if current == sha256:
        host.noop(f"{_short(sha256)} as declared")
        return
    if content is None and not source:
        raise OperationError(
            f"{path} has sha256 {current or 'none'}, declared is {sha256}, and no source is "
            "declared (stack.boot.guc.source)"
        )
    backup = backup_path(path, str(current))
    if current and path_state(backup) is None:
        differs("copy of the replaced firmware", backup, None)
        yield Script(
            _BACK_UP, "b70-backup", path, FIRMWARE, backup, shown=("cp", "-n", path, backup)
        )
    differs("GuC firmware", _short(sha256), _short(str(current)) if current else None)
    if content is not None:
        yield FileWrite(path, content, mode="0644", user="root", group="root")
    else:
        yield Script(_INSTALL, "b70-blob", source, path, sha256, shown=("install", source, path))


def _short(sha256: str) -> str:
    return f"sha256 {sha256[:16]}…"
