"""What a person typed behind `b70 bootstrap`, and the same command again with more words. Pure."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, replace
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Choices:
    """The options of one bootstrap.

    Args:
        host: the name in the inventory.
        words: what stands in front: `b70`, with `-i` where it is needed.
        address, port, login, user, key, host_key: None = not given.
        groups: of a new host.
        ask_pass, ask_sudo_pass: passwords that a person types.
        rekey: pins that are there already may be replaced.
    """

    host: str
    words: tuple[str, ...] = ("b70",)
    address: str | None = None
    port: int | None = None
    login: str | None = None
    user: str | None = None
    key: Path | None = None
    host_key: str | None = None
    groups: tuple[str, ...] = ()
    ask_pass: bool = False
    ask_sudo_pass: bool = False
    rekey: bool = False

    def again(
        self,
        *,
        host_key: str | None = None,
        login: str | None = None,
        user: str | None = None,
        rekey: bool = False,
    ) -> str:
        """Return this command with options changed, ready to be pasted.

        Args:
            host_key, login, user: replace what was given; None keeps it.
            rekey: say --rekey.
        """
        return replace(
            self,
            host_key=host_key or self.host_key,
            login=login or self.login,
            user=user or self.user,
            rekey=rekey or self.rekey,
        ).command()

    def command(self) -> str:
        """Return the command line that says all this."""
        given: list[tuple[str, str | int | Path | None]] = [
            ("--address", self.address),
            ("--port", self.port),
            ("--login", self.login),
            ("--user", self.user),
            ("--key", self.key),
            ("--host-key", self.host_key),
            *(("--group", group) for group in self.groups),
        ]
        said = [
            ("--ask-pass", self.ask_pass),
            ("--ask-sudo-pass", self.ask_sudo_pass),
            ("--rekey", self.rekey),
        ]
        words = [*self.words, "bootstrap", self.host]
        for option, value in given:
            if value is not None:
                words += [option, str(value)]
        words += [option for option, yes in said if yes]
        return shlex.join(words)
