"""What a person wrote into GRUB's settings and sh reads otherwise. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from facts.assignments import misread
from facts.boot.loader import Boot, BootState
from facts.shell_words import look_alike
from facts.value import known
from fleet.model.finding import Finding
from fleet.preflight.model import Context, check

#: What GRUB's own settings begin with; a drop-in may call programs with other variables.
_OWN: Final = "GRUB_"
_CMDLINE: Final = "GRUB_CMDLINE_"


@check("grub-defaults-unreadable", "boot")
def _unreadable(context: Context) -> Iterator[Finding]:
    """A line of /etc/default/grub or of its drop-ins is no assignment for sh, or not the meant one.

    Curly quotes, blanks around `=`, a missing quote, Windows line ends, non-breaking spaces or a
    byte order mark: update-grub runs such a line as a program and stops, so that the menu stays as
    it was, or the kernel gets a token that it does not know. A host with a declared boot set is not
    changed before the line is corrected.
    """
    boot = known(context.given[Boot])
    if boot is None:
        return
    declared = context.spec.stack is not None and context.spec.stack.boot is not None
    for path, number, why in _faults(boot):
        yield context.critical(
            f"{path}:{number}: {why}",
            _fix(context.spec.name, path, number, why),
            inhibits=declared,
        )


def _faults(boot: BootState) -> Iterator[tuple[str, int, str]]:
    """Yield path, line and what is wrong with it."""
    told = set()
    for found in misread(boot.lines):
        if not found.name or found.name.startswith(_OWN):
            told.add((found.path, found.number))
            yield found.path, found.number, found.why
    for line in boot.lines:
        # inside quotes sh is content, and the kernel is not
        if _CMDLINE in line.text and (line.path, line.number) not in told:
            what = look_alike(line.text.partition(" #")[0])
            if what:
                yield line.path, line.number, f"{what}; the kernel takes it as a letter"


def _fix(host: str, path: str, number: int, why: str) -> str:
    again = f"then b70 doctor {host}"
    if "carriage return" in why:
        return f"on the host: sed -i 's/\\r$//' {path}; {again}"
    if "byte order mark" in why:
        return f"on the host: sed -i '1s/^\\xef\\xbb\\xbf//' {path}; {again}"
    return f"on the host: correct line {number} of {path} with an editor; {again}"
