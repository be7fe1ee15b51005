"""First contact with a host that has only sshd and sh, as steps that are safe to repeat.

Shows or checks its key, asks whether the account could log in, makes it, proves the login, pins
what was learned. What was made is taken back when the proof fails, or named with its commands. The
ledger holds the host from the first step on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from facts.pci.gpu_link import GpuLinks
from facts.readings import Readings
from facts.registry import batch_facts
from facts.system.identity import Identity
from facts.value import Unknown, known
from fleet.base.errors import FleetError, Refused, Unreachable
from fleet.base.run import Run
from fleet.config import Fleet
from fleet.first import account, keyline, login_rules
from fleet.first.account import SUDOERS, KeysFile, Made
from fleet.first.contact import (
    FirstWay,
    Passwords,
    accept_key,
    copy_key,
    first_session,
    later_session,
)
from fleet.first.intent import ACCOUNT, Intent, Learned
from fleet.first.journal import Journal
from fleet.host.cache import FactCache, NoAnswer
from fleet.host.keys import fact_key
from fleet.host.refusal import SudoRefused
from fleet.host.session import CommandTimeout, LostContact, Session
from fleet.ledger import Ledger

#: Seconds for making an account and for taking it back.
_ACCOUNT_S: Final = 120
#: Seconds for the questions: sshd's test mode and `id` of a directory service.
_ASK_S: Final = 60

#: Where sshd and sudo say why they refused somebody.
_WHY: Final = (
    "on the host, as root: journalctl -n 30 -t sshd -t sshd-session -t sudo   # why it was refused"
)


class AccountFailed(FleetError):
    """The login account could not be made on the new host, or it could not log in afterwards.

    What was made is taken back. Where that fails too, the message names what is left, and the hints
    are the commands that remove it.
    """

    id = "bootstrap-account"


class AccountRefused(Refused):
    """An account of that name could not log in to the new host, so it was not made.

    sshd was asked before anything was changed (`sshd -T -C user=NAME`): its lists of users and
    groups, where it looks for keys, what else it wants. An answer that cannot be read is UNKNOWN,
    and then no account is made.
    """

    id = "bootstrap-account-refused"


class NotPinned(FleetError):
    """The login account is made and works, but the inventory could not be written.

    Nothing is wrong on the host. Bootstrap again when the file can be written: it finds the account
    and adds nothing.
    """

    id = "bootstrap-not-pinned"


@dataclass(slots=True)
class Met:
    """What first contact found out and made."""

    host_key: str = ""
    readings: Readings = field(default_factory=Readings)
    made: list[Made] = field(default_factory=list)

    @property
    def learned(self) -> Learned:
        """Return what goes into the hosts file."""
        identity: dict[str, object] = {"host_keys": [self.host_key]} if self.host_key else {}
        who = self.readings[Identity]
        if not isinstance(who, Unknown):
            identity["machine_id"] = known(who.machine_id) or ""
            identity["dmi_serial"] = known(who.dmi_serial) or ""
        b70s = (c for c in known(self.readings[GpuLinks]) or () if c.is_b70 and not c.is_virtual)
        cards = [{"slot": str(number), "bdf": card.bdf} for number, card in enumerate(b70s, 1)]
        return Learned(identity, cards)


@dataclass(frozen=True, slots=True)
class Bootstrap:
    """Everything that one bootstrap needs.

    Args:
        intent: what is wanted.
        passwords: of the login that exists.
        confirm: is shown the fingerprint, says whether to go on.
        ledger: where it is recorded.
        run: which run this is.
        way: how the host is reached.
    """

    intent: Intent
    passwords: Passwords
    confirm: Callable[[str], bool]
    ledger: Ledger
    run: Run
    way: FirstWay

    def meet(self) -> Met:
        """Do it all.

        Raises:
            FleetError: see the types; the ledger has it, and what is left on the host is named.
        """
        intent, met = self.intent, Met()
        again = intent.choices.command()
        with Journal.of(self.ledger, self.run, intent.fleet, intent.host, again) as journal:
            fleet = intent.foresee(Learned({}))
            accept = accept_key(intent.choices, self.confirm, lambda line: self._see_key(met, line))
            with first_session(
                self.way, fleet, intent.choices, intent.login, self.passwords, accept
            ) as session:
                self._read(session, met, fleet)
                pinned = intent.foresee(met.learned)
                if intent.account:
                    keys = self._keys_file(session)
                    journal.uncertain()
                    with self._taken_back(session, met, journal):
                        self._make(session, met, keys)
                        self._prove(pinned)
                else:
                    self._prove(pinned)
                journal.settled(item.name for item in met.made)
            self._pin(met)
            journal.settled([*(item.name for item in met.made), f"Pins[{intent.host}]"])
        return met

    def _see_key(self, met: Met, line: str) -> None:
        """Keep the key; refuse one that another host of the fleet has before anything is sent."""
        met.host_key = line
        self.intent.foresee(met.learned)

    def _read(self, session: Session, met: Met, fleet: Fleet) -> None:
        """Read what the host is; who it is must be known before anything is made."""
        intent = self.intent
        root = fleet.hosts[intent.host].probe_root
        keys = [
            fact_key(fact, {"probe_root": root if fact.simulable else ""})
            for fact in batch_facts().values()
        ]
        cache = FactCache(session)
        try:
            cache.fetch(keys)
        except SudoRefused as refused:
            if intent.choices.ask_sudo_pass:
                raise
            raise SudoRefused(
                refused.message, "log in as root, or give --ask-sudo-pass"
            ) from refused
        except NoAnswer as silence:
            raise AccountFailed(
                f"{intent.host}: {intent.login} cannot become root: {silence}",
                "log in as root, or give --ask-sudo-pass",
            ) from silence
        met.readings = Readings({key.fact: cache.value(key) for key in keys})
        who = met.readings[Identity]
        if isinstance(who, Unknown) or isinstance(who.machine_id, Unknown):
            reason = who.reason if isinstance(who, Unknown) else who.machine_id
            raise AccountRefused(
                f"{intent.host}: who the host is cannot be read ({reason}); nothing was changed",
                f"on the host: cat /etc/machine-id, then {intent.choices.command()}",
            )

    def _keys_file(self, session: Session) -> KeysFile:
        """Return where sshd reads the account's key, after it was asked whether that is enough.

        Raises:
            AccountRefused: the account could not log in.
        """
        intent = self.intent
        output = session.run(login_rules.ask(intent.account), deadline_s=_ASK_S)
        rules = login_rules.parse(intent.account, output.stdout.decode("utf-8", "replace"))
        found = login_rules.obstacles(rules, keyline.kind(intent.public_key))
        keys = login_rules.keys_file(rules)
        if found or keys is None:
            remedies = [f"on the host, as root: {each.remedy}" for each in found]
            if intent.known is None and not (
                intent.choices.ask_pass or intent.choices.ask_sudo_pass
            ):
                again = intent.choices.again(user=intent.login)
                remedies.append(f"{again}   # or go on as {intent.login}, who is in already")
            raise AccountRefused(
                f"{intent.host}: {intent.account} could not log in, so nothing was changed: "
                + "; ".join(each.text for each in found),
                "\n".join(remedies),
            )
        return keys

    def _make(self, session: Session, met: Met, keys: KeysFile) -> None:
        intent = self.intent
        text = account.make(intent.account, intent.public_key, keys)
        output = session.run(text, deadline_s=_ACCOUNT_S)
        met.made += account.made(output.stdout.decode("utf-8", "replace"))
        if output.status:
            said = output.stderr.decode("utf-8", "replace").strip() or f"status {output.status}"
            raise AccountFailed(f"{intent.host}: account {intent.account}: {said}")

    def _prove(self, fleet: Fleet) -> None:
        """Log in the way every later run will, and become root."""
        intent = self.intent
        try:
            with later_session(self.way, fleet, intent.host) as session:
                output = session.run("id -u", deadline_s=_ASK_S)
        except Unreachable as error:
            link = fleet.hosts[intent.host].connection
            raise AccountFailed(
                f"{intent.host}: a login as {intent.user} does not work: {error.message}",
                "" if intent.account else copy_key(link, intent.choices.command()),
            ) from error
        if output.status or output.stdout.strip() != b"0":
            said = output.stderr.decode("utf-8", "replace").strip()
            raise AccountFailed(
                f"{intent.host}: {intent.user} cannot become root without a password: {said}",
                "" if intent.account else self._how_to_be_root(),
            )

    def _how_to_be_root(self) -> str:
        intent = self.intent
        if intent.known is None:
            return f"{intent.choices.again(user=ACCOUNT)}   # makes an account that may"
        return f"sudo_password in the record of {intent.host}, or user: {ACCOUNT} there: it is made"

    @contextmanager
    def _taken_back(self, session: Session, met: Met, journal: Journal) -> Iterator[None]:
        """Take back what was made when what follows fails, or name it with its commands."""
        intent = self.intent
        try:
            yield
        except FleetError as error:
            if why := self._why_left(session, met, error):
                left = met.made or [Made("account", intent.account), Made("sudoers", SUDOERS)]
                names = ", ".join(item.name for item in left)
                error.message += f"; {why}: {names} may be left there"
                error.hint = "\n".join(
                    [
                        f"{intent.choices.command()}   # finishes what was begun",
                        *(
                            f"or, as root on the host: {line}"
                            for line in account.undo(left, intent.public_key)
                        ),
                    ]
                )
                raise
            error.message += "; what was made is taken back" if met.made else "; nothing was made"
            error.hint = error.hint or _WHY
            met.made.clear()
            journal.settled(())
            raise

    def _why_left(self, session: Session, met: Met, error: FleetError) -> str:
        """Take back what was made; return why that cannot be said, or nothing."""
        if isinstance(error, LostContact | CommandTimeout):
            return "no answer came while it was made"
        if not met.made:
            return ""
        text = account.take_back(met.made, self.intent.public_key)
        try:
            output = session.run(text, deadline_s=_ACCOUNT_S)
        except FleetError as lost:
            return f"it could not be taken back ({lost.message})"
        if output.status:
            said = output.stderr.decode("utf-8", "replace").strip()
            return f"it could not be taken back ({said})"
        return ""

    def _pin(self, met: Met) -> None:
        intent = self.intent
        try:
            intent.write(met.learned)
        except (OSError, FleetError) as error:
            reason = error.message if isinstance(error, FleetError) else error.strerror
            done = (
                f"the account {intent.account} is made and works"
                if intent.account
                else (f"the login as {intent.user} works")
            )
            fingerprint = keyline.fingerprint(met.host_key).split()[-1]
            raise NotPinned(
                f"{intent.host}: {done}, but {intent.hosts_file} could not be written: {reason}",
                f"{intent.choices.again(host_key=fingerprint)}   # once the file can be written",
            ) from error
