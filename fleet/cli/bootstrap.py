"""`b70 bootstrap HOST`: first contact with a new host, and the way back after its key changed."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from fleet.cli import ask, context
from fleet.cli.options import Host
from fleet.cli.settings import current

if TYPE_CHECKING:
    from fleet.config import Fleet
    from fleet.first.bootstrap import Met
    from fleet.first.contact import Passwords
    from fleet.first.intent import Intent

EXAMPLES: Final = (
    (
        "b70 bootstrap rig-a --address 192.0.2.10 --host-key SHA256:…",
        "the fingerprint is known (installer, console)",
    ),
    (
        "b70 bootstrap rig-a --address 192.0.2.10 --login ubuntu --ask-pass --ask-sudo-pass",
        "a fresh installation with a password",
    ),
    (
        "b70 bootstrap rig-a --rekey --login root",
        "it was reinstalled: make the account and pin key and machine-id again",
    ),
)

Address = Annotated[
    str | None, typer.Option("--address", metavar="ADDR", help="Name or IP; kept in the inventory.")
]
Port = Annotated[
    int | None, typer.Option("--port", min=1, max=65_535, help="SSH port of a new host, else 22.")
]
Login = Annotated[
    str | None,
    typer.Option(
        "--login",
        metavar="USER",
        help="Account that exists there already; else root, or the inventory's.",
    ),
]
Account = Annotated[
    str | None,
    typer.Option(
        "--user",
        metavar="USER",
        help="Account to make on a new host, with the key and passwordless sudo; else b70fleet.",
    ),
]
Key = Annotated[
    Path | None,
    typer.Option("--key", metavar="FILE", help="Private key for logins; FILE.pub is authorized."),
]
AskPass = Annotated[bool, typer.Option("--ask-pass", help="Ask for the SSH password.")]
AskSudo = Annotated[bool, typer.Option("--ask-sudo-pass", help="Ask for the sudo password.")]
HostKey = Annotated[
    str | None,
    typer.Option("--host-key", metavar="SHA256:…", help="Fingerprint the host must show."),
]
Group = Annotated[
    list[str] | None, typer.Option("--group", metavar="NAME", help="Group of a new host.")
]
Rekey = Annotated[
    bool, typer.Option("--rekey", help="Replace pins that are there already; shows old and new.")
]


def bootstrap(
    host: Host,
    address: Address = None,
    port: Port = None,
    login: Login = None,
    user: Account = None,
    key: Key = None,
    ask_pass: AskPass = False,
    ask_sudo_pass: AskSudo = False,
    host_key: HostKey = None,
    group: Group = None,
    rekey: Rekey = False,
) -> None:
    """Log in to a new host, which needs only sshd and sh, and pin its identity in the inventory.

    Shows the host key (or checks the given fingerprint), asks sshd whether the account could log
    in, creates the account this tool logs in with, with your key and a sudoers drop-in that visudo
    accepted, proves that the new login works, then writes host key, machine-id and DMI serial into
    hosts.yaml, whose comments and order stay. A login that does not work is taken back. Of a host
    in the inventory, address, port, user and key are the inventory's. With `--user root` no account
    is created. Run it again after it was interrupted: it finishes what was begun.
    """
    from fleet.first.bootstrap import Bootstrap
    from fleet.first.choices import Choices
    from fleet.first.intent import intend
    from fleet.host.ssh import SshSession
    from fleet.report.terminal.hostsummary import print_host_summary

    choices = Choices(
        host=host,
        words=tuple(current().retry_prefix()),
        address=address,
        port=port,
        login=login,
        user=user,
        key=key.expanduser().absolute() if key is not None else None,
        host_key=host_key,
        groups=tuple(group or ()),
        ask_pass=ask_pass,
        ask_sudo_pass=ask_sudo_pass,
        rekey=rekey,
    )
    fleet = context.load_fleet()
    intent = intend(fleet, choices, context.reload)
    met = Bootstrap(
        intent,
        _passwords(fleet, intent),
        lambda fingerprint: _confirm(intent, fingerprint),
        context.open_ledger(fleet),
        current().run,
        SshSession,
    ).meet()
    _say_what_moved(intent, met)
    print_host_summary(sys.stdout, host, met.readings)
    sys.stderr.write(
        f"pinned in {fleet.hosts_file}; next: {' '.join(choices.words)} plan --limit {host}\n"
    )


def _passwords(fleet: Fleet, intent: Intent) -> Passwords:
    """Return what the login needs: typed, or the inventory's where it is the inventory's user."""
    from fleet.base.secrets import RUN
    from fleet.first.contact import Passwords

    typed, known = intent.choices, intent.known
    name = f"{intent.login}@{typed.address or (known.connection.address if known else '')}"
    command = typed.command()
    login = RUN.know(ask.password(f"SSH password of {name}", command)) if typed.ask_pass else None
    if typed.ask_sudo_pass:
        return Passwords(login, RUN.know(ask.password(f"sudo password of {name}", command)))
    reference = known.connection.sudo_password if known and intent.login == intent.user else None
    return Passwords(login, fleet.resolve(reference) if reference else None)


def _confirm(intent: Intent, fingerprint: str) -> bool:
    from fleet.first import keyline

    known, host = intent.known, intent.host
    address = intent.choices.address or (known.connection.address if known else "")
    sys.stderr.write(f"{host} ({address}) shows {fingerprint}\n")
    for line in known.identity.host_keys if known else ():
        sys.stderr.write(f"  pinned until now: {keyline.fingerprint(line)}\n")
    return ask.yes(
        "Is that the key on the host's console?",
        intent.choices.again(host_key=fingerprint.split()[-1]),
    )


def _say_what_moved(intent: Intent, met: Met) -> None:
    """Say what was pinned before and is no more, and what there is nothing to pin of."""
    before = intent.known.identity.machine_id if intent.known else ""
    now = str(met.learned.identity.get("machine_id", ""))
    if not now:
        sys.stderr.write("it has no machine-id: only its host key tells it from another machine\n")
    if before and before != now:
        sys.stderr.write(f"machine-id was {before}, is {now or 'not there'}\n")
