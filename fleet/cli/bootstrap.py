"""`b70 bootstrap HOST`: first contact with a new host, and the way back after its key changed."""

from __future__ import annotations

import os
import sys
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from fleet.base.errors import ConfigError, Refused
from fleet.cli import context
from fleet.cli.options import Host
from fleet.cli.settings import current

if TYPE_CHECKING:
    from declaration.host import HostSpec
    from facts.readings import Readings
    from fleet.config import Fleet
    from fleet.first.bootstrap import Contact, FirstContact

EXAMPLES: Final = (
    (
        "b70 bootstrap rig-a --address 192.0.2.10 --host-key SHA256:…",
        "the fingerprint is known (installer, console)",
    ),
    (
        "b70 bootstrap rig-a --address 192.0.2.10 --login ubuntu --ask-pass --ask-sudo-pass",
        "a fresh installation with a password",
    ),
    ("b70 bootstrap rig-a --rekey", "it was reinstalled: pin key and machine-id again"),
)

Address = Annotated[
    str, typer.Option("--address", metavar="ADDR", help="Name or IP; kept in the inventory.")
]
Port = Annotated[int, typer.Option("--port", min=1, max=65_535, help="SSH port.")]
Login = Annotated[
    str, typer.Option("--login", metavar="USER", help="Account that exists there already.")
]
Account = Annotated[
    str,
    typer.Option(
        "--user",
        metavar="USER",
        help="Account to create for this tool, with the key and passwordless sudo.",
    ),
]
Key = Annotated[
    Path | None,
    typer.Option("--key", metavar="FILE", help="Private key for logins; FILE.pub is authorized."),
]
AskPass = Annotated[bool, typer.Option("--ask-pass", help="Ask for the SSH password.")]
AskSudo = Annotated[bool, typer.Option("--ask-sudo-pass", help="Ask for the sudo password.")]
HostKey = Annotated[
    str, typer.Option("--host-key", metavar="SHA256:…", help="Fingerprint the host must show.")
]
Group = Annotated[
    list[str] | None, typer.Option("--group", metavar="NAME", help="Group of a new host.")
]
Rekey = Annotated[
    bool, typer.Option("--rekey", help="Replace pins that are there already; shows old and new.")
]


def bootstrap(
    host: Host,
    address: Address = "",
    port: Port = 22,
    login: Login = "root",
    user: Account = "b70fleet",
    key: Key = None,
    ask_pass: AskPass = False,
    ask_sudo_pass: AskSudo = False,
    host_key: HostKey = "",
    group: Group = None,
    rekey: Rekey = False,
) -> None:
    """Log in to a new host, which needs only sshd and sh, and pin its identity in the inventory.

    Shows the host key (or checks the given fingerprint), creates the account this tool logs in
    with, with your key and a sudoers drop-in that visudo accepted, proves that the new login works,
    then writes host key, machine-id and DMI serial into hosts.yaml, whose comments and order stay.
    With `--user root` no account is created.
    """
    from fleet.first import bootstrap as steps
    from fleet.report.terminal.hostsummary import print_host_summary

    fleet = context.load_fleet()
    known = fleet.hosts.get(host)
    _check(known, host, address, rekey)
    key = _key(key, known)
    contact = _contact(host, known, address, port, login, key, ask_pass, ask_sudo_pass)
    account = "" if user == contact.login else user
    found = steps.first_contact(
        contact,
        expected=host_key,
        confirm=lambda fingerprint: _confirm(contact, known, fingerprint),
        account=account,
        public_key=_public_key(key) if account else "",
    )
    later = steps.Contact(
        host, contact.address, contact.port, user, str(key or ""), contact.ssh_config
    )
    steps.prove(later, found.host_key)
    _pin(fleet, known, later, found, group or [])
    print_host_summary(sys.stdout, host, found.readings)
    sys.stderr.write(f"pinned in {fleet.hosts_file}; next: b70 plan --limit {host}\n")


def _check(known: HostSpec | None, host: str, address: str, rekey: bool) -> None:
    if known is None and not address:
        raise ConfigError(f"{host} is not in the inventory", f"b70 bootstrap {host} --address ADDR")
    if known is not None and address and address != known.connection.address:
        raise ConfigError(
            f"{host} has the address {known.connection.address} in the inventory",
            "change it there first",
        )
    if known is not None and known.identity.host_keys and not rekey:
        raise Refused(
            f"{host} is pinned already ({known.identity.pinned or 'no date'})",
            f"b70 bootstrap {host} --rekey   # only if you know why it changed",
        )


def _contact(
    host: str,
    known: HostSpec | None,
    address: str,
    port: int,
    login: str,
    key: Path | None,
    ask_pass: bool,
    ask_sudo_pass: bool,
) -> Contact:
    from fleet.base.secrets import RUN
    from fleet.first.bootstrap import Contact

    link = known.connection if known else None
    name = f"{login}@{address or (link.address if link else '')}"
    return Contact(
        name=host,
        address=address or (link.address if link else ""),
        port=link.port if link else port,
        login=login,
        key="" if ask_pass else str(key or ""),
        ssh_config=link.ssh_config if link else "",
        password=RUN.know(_ask(f"SSH password of {name}")) if ask_pass else None,
        sudo_password=RUN.know(_ask(f"sudo password of {name}")) if ask_sudo_pass else None,
        probe_root=known.probe_root if known else "",
    )


def _ask(what: str) -> str:
    if current().no_input:
        raise Refused(f"{what} is needed, and --no-input was given")
    return str(typer.prompt(what, hide_input=True, err=True))


def _confirm(contact: Contact, known: HostSpec | None, fingerprint: str) -> bool:
    sys.stderr.write(f"{contact.name} ({contact.address}) shows {fingerprint}\n")
    for line in known.identity.host_keys if known else ():
        sys.stderr.write(f"  pinned until now: {line}\n")
    if current().no_input:
        raise Refused(
            f"{contact.name}: nobody confirmed the host key",
            f"b70 bootstrap {contact.name} --host-key {fingerprint.split()[-1]}",
        )
    return typer.confirm("Is that the key on the host's console?", err=True)


def _key(key: Path | None, known: HostSpec | None) -> Path | None:
    """Return the private key to use: given, as in the inventory, or the usual one."""
    if key is None and known is not None and known.connection.key:
        return Path(known.connection.key).expanduser()
    if key is not None:
        return key.expanduser().resolve()
    usual = Path.home() / ".ssh" / "id_ed25519"
    return usual if usual.exists() else None


def _public_key(key: Path | None) -> str:
    public = Path(f"{key}.pub") if key else None
    if public is None or not public.is_file():
        raise ConfigError(
            f"no public key to authorize ({public or 'no --key given'})",
            "ssh-keygen -t ed25519, or b70 bootstrap … --key FILE",
        )
    return public.read_text().strip()


def _pin(
    fleet: Fleet,
    known: HostSpec | None,
    contact: Contact,
    found: FirstContact,
    groups: list[str],
) -> None:
    from facts.system.identity import Identity
    from facts.value import Unknown
    from facts.value import known as reading
    from fleet.config.pins import add_host, pin

    who = found.readings[Identity]
    identity: dict[str, object] = {"host_keys": [found.host_key]}
    if not isinstance(who, Unknown):
        identity["machine_id"] = reading(who.machine_id) or ""
        identity["dmi_serial"] = reading(who.dmi_serial) or ""
    identity["pinned"] = date.today().isoformat()
    if known is not None:
        pin(fleet.hosts_file, contact.name, identity)
        return
    record: dict[str, object] = {"kind": "rig", "address": contact.address, "user": contact.login}
    if contact.port != 22:
        record["port"] = contact.port
    if contact.key:
        record["key"] = contact.key.replace(os.path.expanduser("~"), "~", 1)
    if groups:
        record["groups"] = groups
    add_host(
        fleet.hosts_file,
        contact.name,
        {**record, "identity": identity, "hardware": {"cards": _cards(found.readings)}},
    )


def _cards(readings: Readings) -> list[dict[str, str]]:
    """Return the cards that are there now, as a start for the declaration."""
    from facts.pci.gpu_link import GpuLinks
    from facts.value import known

    b70s = (c for c in known(readings[GpuLinks]) or () if c.is_b70 and not c.is_virtual)
    return [{"slot": str(number), "bdf": card.bdf} for number, card in enumerate(b70s, start=1)]
