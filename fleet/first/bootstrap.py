"""First contact with a brand-new host that has only sshd and sh.

Shows or checks its key, creates the account this tool logs in with from then on, and reads what the
host is. Writing the pins into the inventory is `fleet.config.edit`'s business.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from declaration.secret import Secret
from facts.readings import Readings
from facts.registry import batch_facts
from facts.shelltext import shell_text, shell_variables
from fleet.base.errors import FleetError, Refused
from fleet.host.cache import FactCache, NoAnswer
from fleet.host.keys import fact_key
from fleet.host.session import Session
from fleet.host.shell import Shell
from fleet.host.ssh import AcceptKey, SshSession

#: The sudoers drop-in; sudo ignores names with a dot, so there is none.
SUDOERS: Final = "/etc/sudoers.d/b70fleet"
_ACCOUNT: Final = shell_text(__file__, "_account")
#: Seconds for the account script.
_ACCOUNT_S: Final = 120


class AccountFailed(FleetError):
    """The login account could not be created on the new host; the host is otherwise as it was."""

    id = "bootstrap-account"


class FingerprintMismatch(Refused):
    """The host showed another key than the one given with --host-key. Nothing was sent to it."""

    id = "host-key-mismatch"


@dataclass(frozen=True, slots=True)
class Contact:
    """How to reach a host before it is in the inventory.

    Args:
        login: account that exists already (`root`, or one with sudo).
        key: private key file, empty = agent and ssh_config.
        password, sudo_password: typed by a person, or None.
    """

    name: str
    address: str
    port: int
    login: str
    key: str = ""
    ssh_config: str = ""
    password: Secret | None = None
    sudo_password: Secret | None = None
    probe_root: str = ""


@dataclass(slots=True)
class FirstContact:
    """What first contact found out."""

    host_key: str = ""
    fingerprint: str = ""
    readings: Readings = field(default_factory=Readings)
    account: str = ""


def first_contact(
    contact: Contact,
    *,
    expected: str,
    confirm: Callable[[str], bool],
    account: str = "",
    public_key: str = "",
) -> FirstContact:
    """Connect for the first time, read what the host is, and create the account.

    Args:
        expected: `SHA256:...` fingerprint, empty = ask `confirm`.
        confirm: is shown the fingerprint, says whether to go on.
        account: login account to create with sudo rights; empty = keep the login.
        public_key: OpenSSH public key line to authorize for the account.

    Raises:
        FingerprintMismatch, KeyNotAccepted: the host key is not the right one; nothing was sent.
        AccountFailed, Unreachable: see there.
    """
    found = FirstContact()

    def accept(line: str, fingerprint: str) -> bool:
        found.host_key, found.fingerprint = line, fingerprint
        if expected:
            if expected.removeprefix("SHA256:") == fingerprint.partition("SHA256:")[2]:
                return True
            raise FingerprintMismatch(
                f"{contact.name}: host key is {fingerprint}, expected {expected}",
                f"on the host's console: ssh-keygen -lf /etc/ssh/ssh_host_{_kind(line)}_key.pub",
            )
        return confirm(fingerprint)

    with _Connected(contact, accept) as session:
        cache = FactCache(session)
        keys = [
            fact_key(fact, {"probe_root": contact.probe_root if fact.simulable else ""})
            for fact in batch_facts().values()
        ]
        try:
            cache.fetch(keys)
        except NoAnswer as silence:
            raise AccountFailed(
                f"{contact.name}: {contact.login} cannot become root: {silence}",
                "log in as root, or give --ask-sudo-pass",
            ) from silence
        found.readings = Readings({key.fact: cache.value(key) for key in keys})
        if account:
            output = session.run(account_script(account, public_key), deadline_s=_ACCOUNT_S)
            if output.status:
                said = output.stderr.decode("utf-8", "replace").strip()
                raise AccountFailed(f"{contact.name}: account {account}: {said}")
            found.account = account
    return found


def account_script(account: str, public_key: str) -> str:
    """Return the text that creates a login account with one authorized key and passwordless sudo.

    Idempotent; adds what is missing and touches nothing else. The sudoers drop-in is in place only
    after visudo accepted it.
    """
    return (
        shell_variables(
            account=account,
            key=public_key.strip(),
            rule=f"{account} ALL=(ALL:ALL) NOPASSWD: ALL",
            sudoers=SUDOERS,
        )
        + _ACCOUNT
    )


def prove(contact: Contact, host_key: str) -> None:
    """Log in the way every later run will, and become root.

    Raises:
        Unreachable, AccountFailed: it does not work.
    """
    with _Connected(contact, lambda line, _: line == host_key) as session:
        output = session.run("id -u", deadline_s=_ACCOUNT_S)
        if output.status or output.stdout.strip() != b"0":
            said = output.stderr.decode("utf-8", "replace").strip()
            raise AccountFailed(f"{contact.name}: {contact.login} cannot become root: {said}")


class _Connected:
    """A first-contact session that is closed whatever happens."""

    def __init__(self, contact: Contact, accept: AcceptKey) -> None:
        data: dict[str, object] = {
            "ssh_hostname": contact.address,
            "ssh_port": contact.port,
            "ssh_user": contact.login,
            "ssh_strict_host_key_checking": "yes",
        }
        if contact.key:
            data["ssh_key"] = contact.key
        if contact.ssh_config:
            data["ssh_config_file"] = contact.ssh_config
        if contact.password:
            data["ssh_password"] = contact.password.reveal()
        password = contact.sudo_password.reveal() if contact.sudo_password else ""
        shell = Shell(contact.login != "root", password)
        self._session = SshSession(contact.name, data, shell, accept)

    def __enter__(self) -> Session:
        try:
            self._session.connect()
        except BaseException:
            self._session.close()
            raise
        return self._session

    def __exit__(self, *_: object) -> None:
        self._session.close()


def _kind(line: str) -> str:
    return line.split()[0].removeprefix("ssh-").split("-")[0]
