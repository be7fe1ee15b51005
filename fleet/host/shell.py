"""The one command line by which every session runs a program: as root, within time, within bytes.

Pure text. The program itself travels on stdin, behind the password of a sudo that asks. What the
login shell and sudo print beside it is told apart by marks; fleet.host.answer looks for them.
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

#: Lines that say how far a program came. On stderr: the login shell passed the command line on;
#: sudo refused the password, which was given to it and to nothing else. On both: the program began.
SHELL_RAN: Final = "[b70fleet: shell]"
PASSWORD_REFUSED: Final = "[b70fleet: password refused]"
BEGAN: Final = "[b70fleet: begin]"
#: The last line of stderr: the program's exit status, which some login shells do not pass on.
ENDED: Final = "[b70fleet: end %s]"
#: Most bytes of a program's stdout that arrive, without the note that some were dropped.
STDOUT_BYTES: Final = _STDOUT_BLOCKS * _BLOCK - len(f"{BEGAN}\n")

#: What stands at the end of a stdout that was cut; the number is that of the dropped bytes.
_CUT: Final = "[b70fleet: cut here, %d bytes dropped]"
_CUT_LINE: Final = re.compile(rb"\n\[b70fleet: cut here, \d+ bytes dropped\]\n\Z")
#: Blank lines between a password and the program. A sudo that reads ahead of the password's line
#: takes from the program what it has read: sudo-rs takes 8 KiB (docs/evidence.md#sudo-rs).
_READ_AHEAD: Final = b"\n" * 16_384
#: Exit statuses by which the first of two calls of sudo says whether it read the password. Neither
#: is one of sudo (1), timeout (124 to 127) or a signal.
_NOT_ASKED: Final = 42
_ASKED: Final = 43
#: A format of printf for more than sudo-rs takes for a password, 511 bytes (src/pam/rpassword.rs).
_NO_PASSWORD: Final = "%0600d"
#: sudo reports in English, whatever the host speaks: fleet.host.refusal reads it.
_SUDO: Final = "LC_MESSAGES=C sudo"

#: What stands in the middle of a stderr that was cut.
_CUT_STDERR: Final = f"[b70fleet: cut here, the last {_STDERR_TAIL} bytes follow]"

# o and e pass stdout and stderr on in blocks. The program's other end is never closed early: what
# it prints too much is read and dropped, for a signal in the middle of a change would be worse.
# `timeout` makes a process group of its own, so what it kills are the program's processes alone,
# and what they had printed still arrives. One line without single quotes: any login shell passes
# it on to sh.
_CAPPED: Final = (
    f'printf "%s\\n" "{SHELL_RAN}" >&2; '
    f"o() {{ r=$(dd bs={_BLOCK} count={_STDOUT_BLOCKS} iflag=fullblock 2>&1 >&4); "
    f"case $r in {_STDOUT_BLOCKS}+0*) n=$(wc -c); "
    f'[ "$n" -eq 0 ] || printf "\\n{_CUT}\\n" "$n" >&4;; esac; }}; '
    f"e() {{ r=$(dd bs={_BLOCK} count={_STDERR_BLOCKS} iflag=fullblock 2>&1 >&5); "
    f"case $r in {_STDERR_BLOCKS}+0*) "
    f'printf "\\n{_CUT_STDERR}\\n" >&5; tail -c {_STDERR_TAIL} >&5;; esac; }}; '
    "exec 4>&1 5>&2; "
    "s=$({ { { @PROGRAM@ 3>&- 4>&- 5>&- 6>&-; echo $? >&3; } 2>&1 1>&6 6>&- | e 3>&- 6>&-; } 6>&1 "
    "| o 3>&-; } 3>&1); "
    f'printf "{ENDED}\\n" "$s" >&2; exit "$s"'
)


@dataclass(frozen=True, slots=True)
class Shell:
    """How a program becomes a process on a host.

    Args:
        sudo: run it through sudo.
        password: given to a sudo that asks, once per program.
        source: where the password comes from, for a person, such as `env:NAME`.
    """

    sudo: bool = False
    password: str = field(default="", repr=False)
    source: str = ""

    def command(self, deadline_s: float) -> str:
        """Return the command line for the login shell; it reads the program from stdin.

        Args:
            deadline_s: seconds after which the program's processes are ended.
        """
        return f"sh -c '{_CAPPED.replace('@PROGRAM@', self._program(deadline_s))}'"

    def stdin(self, program: str) -> bytes:
        """Return what the command line reads: the password where there is one, the program."""
        password = f"{self.password}\n".encode() + _READ_AHEAD if self._has_password else b""
        begin = f'printf "%s\\n" "{BEGAN}"; printf "%s\\n" "{BEGAN}" >&2\n'.encode()
        text = program.encode("utf-8", "surrogateescape")
        return password + begin + text + (b"" if text.endswith(b"\n") else b"\n")

    @property
    def _has_password(self) -> bool:
        return self.sudo and bool(self.password)

    def _program(self, deadline_s: float) -> str:
        limit = f"timeout -k 5 {int(deadline_s)}"
        if not self.sudo:
            return f"{limit} sh -s"
        if not self.password:
            return f"{_SUDO} -n {limit} sh -s"
        # The password is the first line of stdin; the shell takes it off. A sudo that is given
        # a wrong one asks again, and would take the first lines of the program for passwords:
        # three failures lock an account. So a first call gets the password and nothing behind it.
        # It also shows whether sudo asks at all: a password that it left is still there to be read.
        # sudo-rs takes the end of its input for an empty password and asks three times; a line that
        # is too long for a password ends it.
        # -k: what an earlier call cached decides nothing, so both calls ask or neither does.
        return (
            "{ IFS= read -r p; f=; "
            f'case $(sudo -V 2>&1) in sudo-rs*) f="{_NO_PASSWORD}";; esac; '
            f'printf "%s\\n$f" "$p" | {_SUDO} -k -S -p "" {limit} '
            f'sh -c "read -r x && exit {_NOT_ASKED}; exit {_ASKED}"; '
            "r=$?; case $r in "
            f"{_NOT_ASKED}) unset p; {_SUDO} -k -n {limit} sh -s;; "
            f'{_ASKED}) {{ printf "%s\\n" "$p"; unset p; cat; }} '
            f'| {_SUDO} -k -S -p "" {limit} sh -s;; '
            f'*) printf "%s\\n" "{PASSWORD_REFUSED}" >&2; (exit "$r");; esac; }}'
        )


def is_cut(stdout: bytes) -> bool:
    """Return True if some of what a program printed beyond STDOUT_BYTES was dropped."""
    return _CUT_LINE.search(stdout[-200:]) is not None


def cut_note(dropped: int) -> bytes:
    """Return what stands at the end of a stdout of which that many bytes were dropped."""
    return f"\n{_CUT % dropped}\n".encode()
