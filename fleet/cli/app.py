"""The `b70` command: all verbs under one group, every ending mapped to an exit code."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any, Final

import typer
from typing_extensions import override

from fleet.cli.endings import guarded
from fleet.cli.helptext import exit_codes, help_text
from fleet.cli.lazy import LazyGroup, name_variables
from fleet.cli.shared import before_verb

_EXAMPLES: Final = (
    ("b70 init rigs", "start a fleet of your own"),
    ("export B70_INVENTORY=rigs", "say which fleet, once"),
    ("b70 bootstrap rig-a --address 10.0.0.5", "first contact with a host"),
    ("b70 plan", "what would change"),
    ("b70 converge --limit rig-a", "change it, after a question"),
)


class Root(LazyGroup):
    """The group behind `b70`."""

    @override
    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **extra: Any,
    ) -> int:
        name_variables(self, ("b70",))
        words = list(sys.argv[1:] if args is None else args)
        run = super().main
        code = guarded(lambda: run(words, "b70", complete_var, standalone_mode=False, **extra))
        if standalone_mode:
            sys.exit(code)
        return code


app = typer.Typer(
    cls=Root,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help=help_text(_EXAMPLES, before_verb.__doc__ or ""),
    epilog=exit_codes(),
    context_settings={"max_content_width": 100},
)
app.callback()(before_verb)
