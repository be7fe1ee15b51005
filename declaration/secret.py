"""Secrets by reference: the declaration says where a secret lies, never what it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NoReturn, TypeAlias

from pydantic import model_validator
from typing_extensions import override

from declaration.base import Declared

MASK: Final = "*****"


class SecretRef(Declared):
    """Where a secret comes from: exactly one of the three.

    YAML: `env:NAME`, `file:~/path`, or `{cmd: [pass, show, rig]}` (an argument list, no shell).
    """

    env: str = ""
    file: str = ""
    cmd: tuple[str, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, value: object) -> object:
        if isinstance(value, str):
            kind, _, rest = value.partition(":")
            if kind in ("env", "file") and rest:
                return {kind: rest}
            raise ValueError(
                "a secret is a reference (env:NAME, file:PATH or {cmd: [...]}), "
                "never the value itself"
            )
        return value

    @model_validator(mode="after")
    def _exactly_one(self) -> SecretRef:
        if sum(map(bool, (self.env, self.file, self.cmd))) != 1:
            raise ValueError("give exactly one of env, file, cmd")
        return self

    @override
    def __str__(self) -> str:
        if self.env:
            return f"env:{self.env}"
        return f"file:{self.file}" if self.file else f"cmd:{self.cmd[0]}"


class Secret:
    """A resolved secret: prints as a mask, cannot be pickled, must be revealed by name."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the value, for the one place that sends it to the host over stdin."""
        return self._value

    @override
    def __repr__(self) -> str:
        return MASK

    __str__ = __repr__

    @override
    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret is not serialised")


#: Turns a reference into its value; the controller and the stock inventory supply one.
Resolve: TypeAlias = Callable[[SecretRef], Secret]
