"""A command group that imports a verb when it is asked for, and dresses every verb alike.

Dressing: the global options are accepted behind the verb too, each flag gets its environment
variable, the help ends with the exit codes, and the debug log is opened before the verb runs.
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
from collections.abc import Callable
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from typer.core import TyperGroup, TyperOption
from typer.main import get_command, get_group
from typing_extensions import override

from fleet.base.errors import FleetError
from fleet.cli.debuglog import open_debug_log
from fleet.cli.helptext import did_you_mean, help_text, verb_epilog
from fleet.cli.shared import behind_verb
from fleet.cli.verbs import Verb, verbs

if TYPE_CHECKING:
    from typer._click.core import Command, Context
    from typer._click.formatting import HelpFormatter


class BrokenCommand(FleetError):
    """A command that another package adds to `b70` cannot be imported.

    The package is installed but one of its modules, or something that it needs, is missing. The
    other commands work.
    """

    id = "broken-command"


class LazyGroup(TyperGroup):
    """The root group: `b70 --help` lists all verbs and imports none of the product's own."""

    @override
    def list_commands(self, ctx: Context) -> list[str]:
        return list(verbs())

    @override
    def get_command(self, ctx: Context, cmd_name: str) -> Command | None:
        if cmd_name not in self.commands and cmd_name in verbs():
            self.add_command(load(verbs()[cmd_name]), cmd_name)
        return super().get_command(ctx, cmd_name)

    @override
    def resolve_command(
        self, ctx: Context, args: list[str]
    ) -> tuple[str | None, Command | None, list[str]]:
        # Typer would look for a suggestion among the verbs that were imported already
        if args[0] not in verbs() and not args[0].startswith("-") and not ctx.resilient_parsing:
            close = get_close_matches(args[0], verbs())
            ctx.fail(f"No such command {args[0]!r}.{did_you_mean(close)}")
        return super().resolve_command(ctx, args)

    @override
    def format_commands(self, ctx: Context, formatter: HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(verb.name, _summary(verb)) for verb in verbs().values()])


def load(verb: Verb) -> Command:
    """Import a verb and return its dressed command.

    Raises:
        BrokenCommand: its module cannot be imported.
    """
    try:
        module = importlib.import_module(verb.module)
        target = getattr(module, verb.attribute)
    except (ImportError, AttributeError) as error:
        raise BrokenCommand(f"the command {verb.name!r} cannot be loaded: {error}") from error
    if isinstance(target, typer.Typer):
        command: Command = get_group(target)
        command.name = verb.name
    else:
        command = _single(verb, target)
    if verb.summary:
        command.short_help = verb.summary
    _dress(command, getattr(module, "EXAMPLES", ()), ("b70", verb.name))
    return command


def _single(verb: Verb, function: Callable[..., None]) -> Command:
    app = typer.Typer(add_completion=False, rich_markup_mode=None)
    app.command(verb.name)(function)
    return get_command(app)


def _summary(verb: Verb) -> str:
    return verb.summary or _docstring(verb.module)


def _docstring(module: str) -> str:
    """Return the first line of a module's docstring without running the module."""
    try:
        spec = importlib.util.find_spec(module)
        if spec is None or spec.origin is None:
            return f"(cannot be loaded: no module {module})"
        text = ast.get_docstring(ast.parse(Path(spec.origin).read_text("utf-8"))) or ""
    except (ImportError, OSError, SyntaxError) as error:
        return f"(cannot be loaded: {error})"
    # the line may begin with the command that it stands beside
    sentence = text.partition("\n")[0].rpartition("`: ")[2].partition(". ")[0].rstrip(".")
    return f"{sentence[:1].upper()}{sentence[1:]}."


def _dress(command: Command, examples: object, path: tuple[str, ...]) -> None:
    name_variables(command, path)
    if isinstance(command, TyperGroup):
        for name, child in command.commands.items():
            _dress(child, (), (*path, name))
        if not command.invoke_without_command:
            return
    if isinstance(examples, tuple):
        command.help = help_text(examples, command.help or "")
    command.epilog = verb_epilog()
    _accept_global_options(command)


def name_variables(command: Command, path: tuple[str, ...]) -> None:
    """Give each flag its environment variable: B70_, the verb, the flag, in capitals."""
    for param in command.params:
        if isinstance(param, TyperOption) and param.envvar is None and param.expose_value:
            flag = next((name for name in param.opts if name.startswith("--")), "")
            words = [*path, flag.strip("-")]
            param.envvar = "_".join(words).replace("-", "_").replace(" ", "_").upper()


def _accept_global_options(command: Command) -> None:
    options = _single(Verb("", "", ""), behind_verb)
    taken = {flag for param in command.params for flag in param.opts}
    extra = [param for param in options.params if not taken & set(param.opts)]
    for param in extra:
        # the variable counts before the verb; here it would win over an option that stands there
        param.envvar = None
        if isinstance(param, TyperOption):
            param.hidden = True
    command.params = [*command.params, *extra]
    own, accept = command.callback, options.callback
    names = {param.name for param in extra}

    def callback(**values: object) -> object:
        if accept is not None:
            accept(**{name: value for name, value in values.items() if name in names})
        open_debug_log()
        mine = {name: value for name, value in values.items() if name not in names}
        return own(**mine) if own is not None else None

    command.callback = callback
