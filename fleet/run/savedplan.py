"""A saved plan: the RunResult of `b70 plan -o FILE`, written owner-only and read back strictly.

Whether it still fits a host is the engine's question; here it is only the right kind of file.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from fleet.base.atomic import write_text
from fleet.base.errors import ConfigError, Refused
from fleet.model.plan import SCHEMA, RunResult


class WrongPlan(Refused):
    """A saved plan cannot be used here.

    It is damaged, was written by another version of b70, belongs to another fleet, or names hosts
    that the fleet no longer has. Make a new one with `b70 plan -o FILE`.
    """

    id = "wrong-plan"


def save(result: RunResult, path: Path) -> None:
    """Write a plan, whole or not at all.

    Raises:
        ConfigError: the file cannot be written.
    """
    try:
        write_text(path, result.model_dump_json(indent=1) + "\n", mode=0o600)
    except OSError as error:
        raise ConfigError(f"cannot write the plan {path}: {error.strerror}") from error


def load(path: Path, fleet: str) -> RunResult:
    """Read a saved plan of this fleet.

    Raises:
        ConfigError: there is no such file.
        WrongPlan: it is no plan of this fleet and version.
    """
    hint = f"b70 plan -o {path}"
    try:
        result = RunResult.model_validate_json(path.read_bytes())
    except OSError as error:
        raise ConfigError(f"cannot read the plan {path}: {error.strerror}", hint=hint) from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "the file"
        raise WrongPlan(f"{path} is no saved plan: {place}: {first['msg']}", hint=hint) from error
    if result.schema_version != SCHEMA or result.command != "plan":
        raise WrongPlan(f"{path} is no plan of this version of b70", hint=hint)
    if result.fleet != fleet:
        raise WrongPlan(f"{path} is a plan of fleet {result.fleet}, this is {fleet}", hint=hint)
    return result
