"""Whether a crash would leave a trace: kdump loaded, a pstore backend, a netconsole target.

A panic on a machine that can keep no trace is only an outage. Must not know which policy follows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from typing_extensions import override

from facts.base import HostFact
from facts.parts import Parts, convert, script
from facts.shelltext import shell_text
from facts.value import Reading

#: What the kernel shows for a charp parameter that was never set.
_NO_BACKEND: Final = "(null)"

_SCRIPT: Final = shell_text(__file__)


@dataclass(frozen=True, slots=True)
class Capture:
    """What would keep the last words of this kernel.

    Args:
        kdump: a crash kernel is loaded; absent on a kernel that cannot load one.
        pstore: the registered backend, empty for none; absent on a kernel without pstore.
        netconsole: configfs names of the enabled targets.
        panic_s: seconds until a panicked kernel reboots; 0 = it halts for good, below 0 = at once.
    """

    kdump: Reading[bool]
    pstore: Reading[str]
    netconsole: tuple[str, ...]
    panic_s: Reading[int]


class CrashCapture(HostFact[Capture]):
    """The means by which a crash of the running kernel would be recorded."""

    domain = "crash_capture"
    simulable = True

    @override
    def script(self, probe_root: str = "") -> str:
        return script(_SCRIPT, root=probe_root)

    @override
    def parse(self, text: str) -> Capture:
        parts = Parts(text)
        return Capture(
            kdump=convert(parts.reading("kdump"), lambda text: bool(int(text))),
            pstore=convert(parts.reading("pstore"), _backend),
            netconsole=tuple(path.rpartition("/")[2] for path in parts.lines("netconsole")),
            panic_s=convert(parts.reading("panic"), int),
        )


def _backend(name: str) -> str:
    return "" if name == _NO_BACKEND else name
