"""One kernel setting, live: set, then read back. The next boot's value is a drop-in of its own."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Final

from pyinfra import host
from pyinfra.api import QuoteString, StringCommand
from pyinfra.api.exceptions import OperationError

from facts.disks.block import Block, Disks
from facts.reader import read
from facts.system.sysctl import KEYS, Sysctl, SysctlValues, sysctl_path
from facts.system.sysctl_files import BootSettings, SysctlFiles
from facts.value import Reading, Unknown
from operations.operation import Commands, differs, operation
from operations.require import require

#: Sets a value and compares what the kernel took with it (white space apart): PATH VALUE.
_SET: Final = (
    'printf "%s\\n" "$2" >"$1" || exit 1; v=$(tr -s "[:space:]" " " <"$1"); v=${v% }; '
    '[ "$v" = "$2" ] || { echo "$1 reads back as $v, not $2" >&2; exit 1; }'
)


@operation()
def sysctl(
    key: str, value: str, drop_in: str = "", why: str = "declared", optional: bool = False
) -> Commands:
    """Keep the live value of a kernel setting.

    Where /proc/sys is mounted read-only (a container) the kernel belongs to somebody else: the live
    value is left alone and the reason is told, because trying again and again would change nothing.

    + key: as in sysctl.d(5), such as `vm.swappiness`
    + value: as text
    + drop_in: file that sets it at boot; a later file that sets another value is an error
    + why: why this value, for a person
    + optional: a kernel without the key is in sync; otherwise that is an error (it may be a typo)
    """
    path = _path(key)
    reading, block, files = _live(key), read(Block), read(SysctlFiles)
    wanted = " ".join(value.split())
    boot = require(files, f"what the next boot sets {key} to")
    if drop_in:
        _nobody_later(boot, key, wanted, drop_in)
    live = require(reading, f"live value of {key}")
    storage = require(block, f"whether {path} can be written")
    if not isinstance(live, str):
        if not optional:
            raise OperationError(f"this kernel has no setting {key} (is the key misspelt?)")
        host.noop(f"this kernel has no {key}")
        return
    if live == wanted:
        host.noop(f"is {live} ({why})")
        return
    if _read_only(storage, path):
        host.noop(
            f"is {live}, not {wanted} ({why}), and {path} is read-only here: this machine shares "
            "its kernel; the drop-in applies where it boots one of its own"
        )
        return
    differs(key, wanted, live)
    yield StringCommand(
        "sh", "-c", QuoteString(_SET), "b70-sysctl", QuoteString(path), QuoteString(wanted)
    )


def _path(key: str) -> str:
    try:
        return sysctl_path(key)
    except ValueError as error:
        raise OperationError(str(error)) from error


def _live(key: str) -> Reading[str]:
    # the usual keys are in the fact that every run reads anyway
    usual = read(Sysctl)
    known = usual if key in KEYS else host.get_fact(SysctlValues, keys=key)
    return known if isinstance(known, Unknown) else known[key]


def _nobody_later(boot: BootSettings, key: str, wanted: str, drop_in: str) -> None:
    if boot.denied:
        raise OperationError(f"{boot.denied[0]} cannot be read, and it may override {drop_in}")
    last = boot.last_word(key)
    if last is None or last.value == wanted:
        return
    # our own file may still carry the old value: it is written earlier in the run
    if PurePosixPath(last.file).name > PurePosixPath(drop_in).name:
        raise OperationError(
            f"{last.file}:{last.line} sets {key} to {last.value} after {drop_in}, so the next boot "
            f"would not have {wanted}; remove that line, or declare {last.value}"
        )


def _read_only(storage: Disks, path: str) -> bool:
    try:
        return storage.mount_of(path).read_only
    except KeyError:
        return False
