"""The commands of this tool that a text shows to a person: can they be typed as they stand?

A command is what follows `b70` up to the end of its code span, of the line or of the clause.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from functools import cache
from typing import Any, Final

from typer import Exit
from typer._click.exceptions import ClickException
from typer.core import TyperGroup
from typer.main import get_command

from facts.registry import all_facts
from fleet.cli.app import app
from fleet.reference.explain import entries

#: What stands where a value is filled in.
FILLED: Final = "rig-a"
#: `b70` as a word, and the words up to what ends a command: a code span, a comment, a clause.
_SHOWN: Final = re.compile(
    r"(?<![\w/.'-])b70 (\w[^`\n;]*?)(?=[`;)]|$|,?\s+#|,\s|\s&&|\s\||(?<=\w)\.$|\.\s|\s\()"
)
#: Where a sentence goes on behind a command that is not set apart.
_PROSE: Final = re.compile(r" (?:and|or|as|then|to|shows|says|lists|names|pins|removes)\b")


def shown_commands(text: str) -> list[str]:
    """Return the commands that a text shows, without their `b70`."""
    found = (match[1].strip() for match in _SHOWN.finditer(text))
    return [_PROSE.split(command)[0] for command in found if command]


def arguments(command: str) -> dict[str, Any]:
    """Return what the verb of a command is given.

    Args:
        command: its words behind `b70`.

    Raises:
        ClickException, ValueError: it would be refused as it stands.
    """
    try:
        return _parse(_root(), "b70", shlex.split(command), None)
    except Exit:  # such as --help
        return {}


@cache
def wrong_in(text: str, host: str = "") -> tuple[str, ...]:
    """Return what is wrong with the commands in a text, a sentence each.

    Args:
        text: what a person is shown.
        host: the host that it is about; empty = any.
    """
    return tuple(
        f"b70 {command}: {problem}"
        for command in shown_commands(text)
        for problem in _problems(command, host)
    )


def _problems(command: str, host: str) -> Iterator[str]:
    try:
        given = arguments(command)
    except (ClickException, ValueError) as refused:
        yield str(refused) or type(refused).__name__
        return
    named = {given["host"]} if "host" in given else set(given.get("limit") or ())
    if host and named and host not in named:
        yield f"it is shown for {host}"
    for domain in given.get("domain") or ():
        if domain not in (*all_facts(), FILLED):
            yield f"there is no fact domain {domain}"
    if given.get("id") and given["id"] not in (*_ids(), "ID"):
        yield "nothing has that id"


@cache
def _root() -> Any:
    return get_command(app)


@cache
def _ids() -> frozenset[str]:
    return frozenset(entries())


def _parse(command: Any, name: str, words: list[str], parent: Any) -> dict[str, Any]:
    context = command.make_context(name, words, parent=parent)
    if isinstance(command, TyperGroup) and (rest := [*context._protected_args, *context.args]):
        found, child, left = command.resolve_command(context, rest)
        return _parse(child, found or name, left, context)
    return dict(context.params)


#: Paths that a step may name though no fact has them: it makes them, looks through them, or they
#: are programs and files of our own.
_KNOWN: Final = (
    "/usr/lib/b70fleet/",
    "/etc/sudoers.d/zz-b70fleet",
    "/etc/cloud/cloud-init.disabled",
    "/etc/apt/apt.conf",
    "/sys/bus/pci/devices/",
    # where a policy of power saving may come from: all are looked through at once
    "/boot/config-",
    "/etc/rc.local",
    "/etc/sysfs.",
    "/etc/tlp.",
    "/etc/tmpfiles.d",
    "/etc/tuned",
    "/etc/udev/rules.d",
)
_PATH: Final = re.compile(
    r"(?<![\w.:~/*-])/(?:etc|boot|var|sys|usr|proc|run|lib|mnt|dev|home|opt|root)/[^\s,;:'\"`)…(]+"
)


def invented_paths(step: str, state: str) -> list[str]:
    """Return the paths of a next step that the state for which it is shown does not know.

    Args:
        step: what a person is shown.
        state: everything that was read and declared, as text.
    """
    named = (path.rstrip(".") for path in _PATH.findall(step))
    return [path for path in named if not path.startswith(_KNOWN) and not _is_in(path, state)]


def _is_in(path: str, state: str) -> bool:
    return re.search(rf"{re.escape(path)}(?![\w.-])", state) is not None
