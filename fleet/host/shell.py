"""The one command line by which every session runs a program: as root, within time, within bytes.

Pure text. The program itself travels on stdin, behind the password of a sudo that asks.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

#: Seconds by which the controller outwaits the host's own deadline.
GRACE_S: Final = 10.0
#: Bytes that dd gathers before it writes them: one SSH packet in place of one for each printf.
_BLOCK: Final = 65_536
#: Blocks of stdout that are sent, 8 MiB: a site's facts are 60 KiB, a long kernel log 2 MiB.
_STDOUT_BLOCKS: Final = 128
#: Blocks of stderr that are sent from its beginning, and bytes from its end: errors stand there.
_STDERR_BLOCKS: Final = 15
_STDERR_TAIL: Final = 65_536
#: Most bytes of a program's stdout that arrive, without the note that some were dropped.
STDOUT_BYTES: Final = _STDOUT_BLOCKS * _BLOCK

#: What stands at the end of a stdout that was cut; the number is that of the dropped bytes.
_CUT: Final = "[b70fleet: cut here, %d bytes dropped]"
_CUT_LINE: Final = re.compile(rb"\n\[b70fleet: cut here, \d+ bytes dropped\]\n\Z")
#: Blank lines between a password and the program. A sudo that reads ahead of the password's line
#: takes from the program what it has read: sudo-rs takes 8 KiB (docs/evidence.md#sudo-rs).
_READ_AHEAD: Final = b"\n" * 16_384
#: What stands in the middle of a stderr that was cut.
_CUT_STDERR: Final = f"[b70fleet: cut here, the last {_STDERR_TAIL} bytes follow]"

# o and e pass stdout and stderr on in blocks. The program's other end is never closed early: what
# it prints too much is read and dropped, for a signal in the middle of a change would be worse.
# `timeout` makes a process group of its own, so what it kills are the program's processes alone,
# and what they had printed still arrives. One line without single quotes: any login shell passes
# it on to sh.
_CAPPED: Final = (
    f"o() {{ r=$(dd bs={_BLOCK} count={_STDOUT_BLOCKS} iflag=fullblock 2>&1 >&4); "
    f"case $r in {_STDOUT_BLOCKS}+0*) n=$(wc -c); "
    f'[ "$n" -eq 0 ] || printf "\\n{_CUT}\\n" "$n" >&4;; esac; }}; '
    f"e() {{ r=$(dd bs={_BLOCK} count={_STDERR_BLOCKS} iflag=fullblock 2>&1 >&5); "
    f"case $r in {_STDERR_BLOCKS}+0*) "
    f'printf "\\n{_CUT_STDERR}\\n" >&5; tail -c {_STDERR_TAIL} >&5;; esac; }}; '
    "exec 4>&1 5>&2; "
    "s=$({ { { @PROGRAM@ 3>&- 4>&- 5>&- 6>&-; echo $? >&3; } 2>&1 1>&6 6>&- | e 3>&- 6>&-; } 6>&1 "
    "| o 3>&-; } 3>&1); exit $s"
)


@dataclass(frozen=True, slots=True)
class Shell:
    """How a program becomes a process on a host.

    Args:
        sudo: run it through sudo.
        password: answered once per program, only where sudo asks.
    """

    sudo: bool = False
    password: str = field(default="", repr=False)

    def command(self, deadline_s: float) -> str:
        """Return the command line for the login shell; it reads the program from stdin.

        Args:
            deadline_s: seconds after which the program's processes are ended.
        """
        return f"sh -c '{_CAPPED.replace('@PROGRAM@', self._program(deadline_s))}'"

    def stdin(self, program: str) -> bytes:
        """Return what the command line reads: the password where there is one, the program."""
        password = f"{self.password}\n".encode() + _READ_AHEAD if self._has_password else b""
        text = program.encode("utf-8", "surrogateescape")
        return password + text + (b"" if text.endswith(b"\n") else b"\n")

    @property
    def _has_password(self) -> bool:
        return self.sudo and bool(self.password)

    def _program(self, deadline_s: float) -> str:
        limit = f"timeout -k 5 {int(deadline_s)} sh -s"
        if not self.sudo:
            return limit
        if not self.password:
            return f"sudo -n {limit}"
        # the password is the first line of stdin; the shell takes it off, so that a host whose sudo
        # does not ask never sees it as a command, and hands it to a sudo that does ask before the
        # program
        return (
            f"{{ IFS= read -r p; if sudo -n true 2>/dev/null; then unset p; sudo -n {limit}; "
            f'else {{ printf "%s\\n" "$p"; cat; }} | sudo -S -p "" {limit}; fi; }}'
        )


def is_cut(stdout: bytes) -> bool:
    """Return True if the host dropped what a program printed beyond STDOUT_BYTES."""
    return _CUT_LINE.search(stdout[-200:]) is not None
