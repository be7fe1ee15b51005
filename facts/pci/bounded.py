"""How a fact runs a tool whose output may have no end: bounded by the kernel, passed on in part.

Must not know which tool, nor what its output means.
"""

from __future__ import annotations

from typing import Final

from facts.shelltext import shell_text, shell_variables

#: Bytes that one command may print on a stream. What xpu-smi says of sixteen cards has some 7,000,
#: what clinfo says of one device some 12,000.
MOST: Final = 512 << 10
#: Bytes of stderr that are passed on, and of stdout when a command printed too much.
FEW: Final = 8 << 10
#: Exit status of a command that printed more: 128 and SIGXFSZ.
TOO_MUCH: Final = 153

_FUNCTIONS: Final = shell_text(__file__)


def bounded(text: str, **variables: str | int) -> str:
    """Return a script with the functions of bounded.sh and its variables in front."""
    limits = {"blocks": MOST // 512, "most": MOST, "few": FEW}
    return shell_variables(**variables, **limits) + _FUNCTIONS + text
