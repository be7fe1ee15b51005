"""What a bootstrap intends, and what the fleet's declaration would say afterwards.

Everything that can be wrong with the words, the name, the groups, the address or the hosts file is
found here, before the host is spoken to. Knows no connection.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from declaration.host import Connection, HostSpec
from fleet.base.errors import ConfigError, Refused
from fleet.config import Fleet
from fleet.config.pins import hosts_text, rewrite, with_host, with_pins
from fleet.first import keyline
from fleet.first.choices import Choices

#: The account that is created unless somebody says otherwise.
ACCOUNT = "b70fleet"

#: The text of a hosts file -> the fleet that it would make; raises ConfigError.
Reload = Callable[[str], Fleet]


class WouldNotLoad(Refused):
    """The declaration would be wrong with what bootstrap was about to write into it.

    The edited hosts.yaml was checked in memory: an unknown group, a name that is no host name, an
    address, host key or machine-id that another host has. Nothing was written, and no account was
    made.
    """

    id = "bootstrap-would-not-load"


@dataclass(frozen=True, slots=True)
class Learned:
    """What the host said about itself, as far as it is known yet.

    Args:
        identity: `host_keys`, `machine_id`, `dmi_serial`.
        cards: the cards of a new host.
    """

    identity: Mapping[str, object]
    cards: Sequence[Mapping[str, str]] = ()


@dataclass(frozen=True, slots=True)
class Intent:
    """One bootstrap, made out of words and inventory.

    Args:
        fleet: its name.
        known: the host's declaration; None = it is new.
        login: account that exists there already.
        user: account that every later run logs in as.
        public_key: line to authorize; empty = no account is made.
    """

    choices: Choices
    fleet: str
    known: HostSpec | None
    hosts_file: Path
    reload: Reload
    login: str
    user: str
    public_key: str = ""

    @property
    def host(self) -> str:
        """Return the host's name."""
        return self.choices.host

    @property
    def account(self) -> str:
        """Return the account to make; empty = the login is the one that is used later."""
        return "" if self.user == self.login else self.user

    def edit(self, text: str, learned: Learned) -> str:
        """Return the text of the hosts file with what is known now.

        Raises:
            CannotEdit: it cannot be written without touching something else.
        """
        identity = {**learned.identity, "pinned": date.today().isoformat()}
        if self.known is not None:
            return with_pins(text, self.host, identity)
        typed = self.choices
        record: dict[str, object] = {"kind": "rig", "address": typed.address, "user": self.user}
        if typed.port not in (None, 22):
            record["port"] = typed.port
        if typed.key is not None:
            record["key"] = _below_home(typed.key)
        if typed.groups:
            record["groups"] = list(typed.groups)
        record["identity"] = identity
        record["hardware"] = {"cards": list(learned.cards)}
        return with_host(text, self.host, record)

    def foresee(self, learned: Learned) -> Fleet:
        """Return the fleet as it would be with what is known now; nothing is written.

        Raises:
            CannotEdit, WouldNotLoad: it cannot be written, or it would be wrong.
        """
        return self.judge(self.edit(hosts_text(self.hosts_file), learned))

    def judge(self, text: str) -> Fleet:
        """Return the fleet that a text of the hosts file makes.

        Raises:
            WouldNotLoad: it is wrong.
        """
        try:
            return self.reload(text)
        except ConfigError as error:
            raise WouldNotLoad(
                f"with {self.host} in it, the declaration would be wrong:\n{error.message}",
                "nothing was changed; correct the words (or the file) and bootstrap again",
            ) from error

    def write(self, learned: Learned) -> None:
        """Write what is known into the hosts file as it is now.

        Raises:
            CannotEdit, WouldNotLoad, OSError: nothing was written.
        """
        rewrite(self.hosts_file, lambda text: self.edit(text, learned), self.judge)


def intend(fleet: Fleet, choices: Choices, reload: Reload) -> Intent:
    """Return what a command line means for this fleet.

    Raises:
        ConfigError: a word is wrong, contradicts the inventory or cannot apply.
        Refused: the host is pinned already, or the hosts file cannot be written.
    """
    known = fleet.hosts.get(choices.host)
    _check_words(choices)
    if known is None:
        _check_new(choices)
    else:
        _check_known(known, choices)
    link = known.connection if known else None
    user = link.user if link else choices.user or ACCOUNT
    login = choices.login or (link.user if link else "root")
    _check_login(choices, login)
    key = _private_key(fleet, choices.key, link)
    public_key = _public_key(key) if user != login else ""
    intent = Intent(choices, fleet.name, known, fleet.hosts_file, reload, login, user, public_key)
    _check_writable(fleet.hosts_file)
    intent.foresee(Learned({}))
    return intent


def _check_words(choices: Choices) -> None:
    if choices.host_key is not None and keyline.digest_of(choices.host_key) is None:
        raise ConfigError(
            f"--host-key {choices.host_key!r} is no SHA256 fingerprint (SHA256: and 43 characters)",
            "on the host's console: ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub",
        )


def _check_new(choices: Choices) -> None:
    if not choices.address:
        raise ConfigError(
            f"{choices.host} is not in the inventory, and no address is given",
            replace(choices, address="ADDRESS").command(),
        )
    if choices.rekey:
        raise ConfigError(
            f"--rekey: {choices.host} is not in the inventory, so there is nothing to replace",
            "leave --rekey out, or correct the name: b70 inventory list",
        )


def _check_known(known: HostSpec, choices: Choices) -> None:
    name, link = known.name, known.connection
    for option, typed, declared in (
        ("--address", choices.address, link.address),
        ("--port", choices.port, link.port),
        ("--user", choices.user, link.user),
    ):
        if typed is not None and typed != declared:
            raise ConfigError(
                f"{option} {typed}: the inventory says {option[2:]}: {declared} for {name}",
                f"leave {option} out, or change {name} in the inventory first",
            )
    if choices.key is not None and not _is_same_key(choices.key, link):
        raise ConfigError(
            f"--key {choices.key}: the inventory says "
            f"{f'key: {link.key}' if link.key else 'no key'} for {name}",
            f"leave --key out, or change {name} in the inventory first",
        )
    if choices.groups:
        raise ConfigError(
            f"--group is for a new host, and {name} is in the inventory",
            f"write groups: into the record of {name} yourself",
        )
    if known.identity.host_keys and not choices.rekey:
        raise Refused(
            f"{name} is pinned already ({known.identity.pinned or 'no date'})",
            f"{choices.again(rekey=True)}   # only if you know why it changed",
        )


def _check_login(choices: Choices, login: str) -> None:
    if choices.ask_sudo_pass and login == "root":
        raise ConfigError(
            "--ask-sudo-pass: root needs no sudo", "leave it out, or name another --login USER"
        )


def _is_same_key(typed: Path, link: Connection) -> bool:
    return bool(link.key) and typed == Path(link.key).expanduser().absolute()


def _private_key(fleet: Fleet, typed: Path | None, link: Connection | None) -> Path | None:
    """Return the private key for logins: given, as in the inventory, or the usual one.

    Raises:
        ConfigError: it is named and not there.
    """
    named = typed
    if link is not None and link.key:
        named = fleet.directory / Path(link.key).expanduser()
    if named is None:
        usual = Path.home() / ".ssh" / "id_ed25519"
        return usual if usual.exists() else None
    if not os.access(named, os.R_OK) or not named.is_file():
        other = "name another: --key FILE" if link is None else "correct key: in the inventory"
        raise ConfigError(
            f"the private key {named} cannot be read",
            f"ssh-keygen -t ed25519 -f {named}, or {other}",
        )
    return named


def _public_key(key: Path | None) -> str:
    if key is None:
        raise ConfigError(
            "no key to authorize: no --key was given, and there is no ~/.ssh/id_ed25519",
            "ssh-keygen -t ed25519, or name one: --key FILE",
        )
    return keyline.public_key(key.with_name(f"{key.name}.pub"))


def _check_writable(hosts_file: Path) -> None:
    folder = hosts_file.resolve().parent
    if not os.access(folder, os.W_OK):
        raise Refused(
            f"{hosts_file} cannot be written (no new file can be made in {folder}); "
            "nothing was changed",
            f"chown or remount {folder}, or use a copy of the fleet that is yours",
        )


def _below_home(key: Path) -> str:
    home = Path.home()
    return f"~/{key.relative_to(home)}" if key.is_relative_to(home) else str(key)
