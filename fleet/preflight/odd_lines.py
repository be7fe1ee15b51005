"""Lines of a host's files that could not be read: each is named once. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from facts.odd import HasOddLines, OddLine, where
from fleet.model.finding import Finding
from fleet.preflight.model import Context, check


@check("odd-line", "machine")
def _odd_lines(context: Context) -> Iterator[Finding]:
    """A line of a file, or of what a tool printed, is none that its readers understand.

    Bytes of another code than UTF-8, a field too few, a number that is none, a name that no program
    takes. The rest of the file was read; only what this line could be about counts as UNKNOWN, and
    an operation on that is refused.
    """
    told: set[tuple[str, int, str]] = set()
    for domain, value in context.given.named().items():
        for line in value.odd if isinstance(value, HasOddLines) else ():
            if (line.place, line.number, line.text) not in told:
                told.add((line.place, line.number, line.text))
                text = f"{where(line)} ({domain}): {line.why}"
                shown = f": {line.text}" if line.number or not line.place.startswith("/") else ""
                yield context.unknown(f"{text}{shown}", f"on the host: {look(line)}")


def look(line: OddLine) -> str:
    """Return the command that shows a line with what cannot be seen in it."""
    place = line.place
    if not place.startswith("/"):
        return f"{place} | cat -A"
    if line.number:
        return f"sed -n {line.number}p {shlex.quote(place)} | cat -A"
    return f"ls -lb {shlex.quote(place)}"
