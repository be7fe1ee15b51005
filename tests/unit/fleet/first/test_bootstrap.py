"""First contact: nothing is half done, and what was begun is finished by the same command."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from facts.system.identity import Identity
from fleet.base.errors import ConfigError, FleetError, Interrupted, Refused, Unreachable
from fleet.base.run import Run
from fleet.config import Fleet, load
from fleet.first import account
from fleet.first import bootstrap as steps
from fleet.first.bootstrap import AccountFailed, AccountRefused, Bootstrap, Met, NotPinned
from fleet.first.choices import Choices
from fleet.first.contact import FingerprintMismatch, Passwords
from fleet.first.intent import Intent, intend
from fleet.first.keyline import fingerprint
from fleet.host.hostkeys import KeyNotAccepted
from fleet.host.session import LostContact
from fleet.ledger import Ledger, RunState
from fleet.model.plan import HostState
from tests.unit.fleet.first.stub_host import MACHINE_ID, SSHD, StubHost, key_line, key_pair

HOSTS = f"""\
# ours
hosts:
  other:   # at home
    address: 192.0.2.7
    user: root
    identity:
      host_keys: [{key_line(b"other")}]
"""
DECLARED = """\
  rig-a:
    address: 192.0.2.9
    user: {user}
    key: {key}
"""


class Desk:
    """A person's computer: a fleet, a ledger, a key, and one host that can be met."""

    def __init__(self, folder: Path) -> None:
        self.host = StubHost(folder / "host")
        self.folder = folder / "fleet"
        self.folder.mkdir()
        self.hosts = self.folder / "hosts.yaml"
        self.hosts.write_text(HOSTS)
        self.key = key_pair(folder)
        self.ledger = Ledger.open(folder / "ledger.db")
        self.run = Run.begin()
        self.shown: list[str] = []
        self.answer: Callable[[], bool] = lambda: True

    def typed(self, **more: object) -> Choices:
        """Return what a person types for a new host."""
        words = Choices(host="rig-a", address="192.0.2.9", key=self.key)
        return replace(words, **more)  # type: ignore[arg-type]

    def declare(self, user: str = "b70fleet") -> Choices:
        """Put the host into the inventory; return what a person types then."""
        self.hosts.write_text(HOSTS + DECLARED.format(user=user, key=self.key))
        return Choices(host="rig-a")

    def intent(self, choices: Choices) -> Intent:
        def reload(text: str) -> Fleet:
            return load(self.folder, hosts_text=text)

        return intend(load(self.folder), choices, reload)

    def meet(self, choices: Choices | None = None) -> Met:
        """Run a bootstrap; every one is a run of its own."""
        self.run = Run.begin()

        def confirm(shown: str) -> bool:
            self.shown.append(shown)
            return self.answer()

        return Bootstrap(
            self.intent(choices or self.typed()),
            Passwords(),
            confirm,
            self.ledger,
            self.run,
            self.host.way,
        ).meet()

    def failed(self, kind: type[FleetError], choices: Choices | None = None) -> FleetError:
        """Run a bootstrap that must fail, and return why."""
        with pytest.raises(kind) as caught:
            self.meet(choices)
        return caught.value

    def recorded(self) -> tuple[RunState, HostState, list[str]]:
        """Return how the last bootstrap stands in the ledger: the run, the host, what was made."""
        record = self.ledger.show(self.run.id)
        assert record is not None
        assert record.summary.command == "bootstrap"
        (host,) = record.hosts
        return record.summary.state, host.state, host.changed

    def pinned(self) -> dict[str, object]:
        record = yaml.safe_load(self.hosts.read_text())["hosts"]["rig-a"]
        assert isinstance(record, dict)
        return record


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.setattr(steps, "batch_facts", lambda: {"identity": Identity})
    return Desk(tmp_path)


def test_one_bootstrap_leaves_one_account_with_one_key_and_a_pinned_host(desk: Desk) -> None:
    desk.meet()
    assert desk.host.accounts() == ["b70fleet"]
    assert (
        desk.host.text("home/b70fleet/.ssh/authorized_keys") == f"{key_line(b'person')} me@desk\n"
    )
    assert "b70fleet ALL=(ALL:ALL) NOPASSWD: ALL" in desk.host.text("etc/sudoers.d/b70fleet")
    record = desk.pinned()
    assert record["user"] == "b70fleet"
    assert record["identity"]["host_keys"] == [desk.host.key_line]  # type: ignore[index]
    assert record["identity"]["machine_id"] == MACHINE_ID  # type: ignore[index]
    assert desk.host.connected == ["root", "b70fleet"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"groups": ("nosuch",)}, "unknown group 'nosuch'"),
        ({"host": "Rig_A"}, "is not a host name"),
        ({"address": "192.0.2.7"}, "this address is other's too"),
        ({"address": ""}, "no address is given"),
        ({"host": "other", "address": None, "key": None, "rekey": True, "port": 2222}, "--port"),
    ],
    ids=["group", "name", "address-of-another", "no-address", "port-of-a-known-host"],
)
def test_a_declaration_that_would_be_wrong_is_refused_before_any_contact(
    desk: Desk, words: dict[str, object], said: str
) -> None:
    error = desk.failed(FleetError, desk.typed(**words))
    assert said in error.message
    assert desk.host.connected == []
    assert desk.hosts.read_text() == HOSTS


def test_a_hosts_file_that_cannot_be_edited_is_refused_before_any_contact(desk: Desk) -> None:
    desk.hosts.write_text(
        f"x-common: &common {{address: 192.0.2.9, user: root, key: {desk.key}}}\n"
        "hosts: {rig-a: *common}\n"
    )
    assert "cannot write" in desk.failed(Refused, Choices(host="rig-a", login="rig")).message
    assert desk.host.connected == []


def test_a_fleet_that_cannot_be_written_is_refused_before_any_contact(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fleet.first.intent.os.access", lambda path, how: how != os.W_OK)
    assert "cannot be written" in desk.failed(Refused).message
    assert desk.host.connected == []


def test_a_host_key_of_another_host_is_refused_before_anything_is_sent(desk: Desk) -> None:
    desk.host.key_line = key_line(b"other")
    error = desk.failed(Refused)
    assert "this host key is other's too" in error.message
    assert (desk.host.sent, desk.shown) == ([], [])


def test_a_machine_id_of_another_host_is_refused_before_an_account_is_made(desk: Desk) -> None:
    desk.hosts.write_text(f"{HOSTS}      machine_id: {MACHINE_ID}\n")
    error = desk.failed(Refused)
    assert "this machine-id is other's too" in error.message
    assert desk.host.accounts() == []


def test_a_login_that_is_refused_is_told_with_all_that_was_tried(desk: Desk) -> None:
    desk.host.silent = "login refused (Authentication failed.)"
    error = desk.failed(Unreachable, desk.typed(port=2222))
    assert error.message.endswith("; tried as root")
    first, second = error.hint.splitlines()
    assert first == f"ssh -v -p 2222 -i {desk.key} root@192.0.2.9 true"
    assert shlex.split(second, comments=True)[-4:-2] == ["--login", "USER"]
    assert desk.recorded() == (RunState.FINISHED, HostState.UNREACHABLE, [])


def test_a_host_that_does_not_say_who_it_is_gets_no_account(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Identity, "script", lambda *_: "echo garbage")
    assert "cannot be read" in desk.failed(AccountRefused).message
    assert desk.host.accounts() == []


@pytest.mark.parametrize("how", ["nobody", "no", "another"])
def test_a_key_that_nobody_confirmed_gets_nothing_sent(desk: Desk, how: str) -> None:
    def nobody() -> bool:
        raise Refused("nobody is there")

    desk.answer = nobody if how == "nobody" else lambda: False
    given = f"SHA256:{'A' * 43}" if how == "another" else None
    kind = {"nobody": Refused, "no": KeyNotAccepted, "another": FingerprintMismatch}[how]
    desk.failed(kind, desk.typed(host_key=given))
    assert desk.host.sent == []
    assert desk.recorded() == (RunState.FINISHED, HostState.REFUSED, [])


def test_a_known_host_is_met_as_its_inventory_says(desk: Desk) -> None:
    desk.meet(desk.declare(user="rig"))
    assert desk.host.connected == ["rig", "rig"]
    assert desk.host.accounts() == [], "the account is the inventory's: no second one is made"


def test_root_gets_the_key_alone(desk: Desk) -> None:
    (desk.host.root / "home" / "root").mkdir()
    entry = f"root:x:0:0::{desk.host.root}/home/root:/bin/sh\n"
    (desk.host.root / "etc" / "passwd").write_text(entry)
    desk.meet(replace(desk.declare(user="root"), login="ubuntu"))
    assert desk.host.text("home/root/.ssh/authorized_keys").endswith("me@desk\n")
    assert "etc/sudoers.d/b70fleet" not in desk.host.tree()


def test_a_known_host_that_was_reinstalled_gets_the_account_of_the_inventory(desk: Desk) -> None:
    desk.meet(replace(desk.declare(user="rig"), login="root"))
    assert desk.host.accounts() == ["rig"]
    assert desk.host.connected == ["root", "rig"]


@pytest.mark.parametrize(
    ("words", "option"),
    [
        ({"address": "192.0.2.99"}, "--address"),
        ({"port": 2222}, "--port"),
        ({"user": "b70fleet"}, "--user"),
        ({"key": Path("/nowhere/key")}, "--key"),
        ({"groups": ("lab",)}, "--group"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_word_that_contradicts_the_inventory_is_refused_by_name(
    desk: Desk, words: dict[str, object], option: str
) -> None:
    choices = desk.declare(user="rig")
    error = desk.failed(ConfigError, replace(choices, **words))  # type: ignore[arg-type]
    assert error.message.startswith(option)
    assert desk.host.connected == []


def test_a_word_that_repeats_the_inventory_is_taken(desk: Desk) -> None:
    again = replace(
        desk.declare(user="rig"), address="192.0.2.9", port=22, user="rig", key=desk.key
    )
    desk.meet(again)
    assert desk.pinned()["user"] == "rig"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"rekey": True}, "nothing to replace"),
        ({"ask_sudo_pass": True}, "root needs no sudo"),
        ({"host_key": "SHA256:short"}, "no SHA256 fingerprint"),
        ({"host_key": "MD5:00:11"}, "no SHA256 fingerprint"),
        ({"key": Path("/nowhere/key")}, "cannot be read"),
        ({"address": None}, "no address is given"),
    ],
    ids=["rekey-of-a-new-host", "sudo-for-root", "short", "md5", "no-such-key", "no-address"],
)
def test_a_word_that_cannot_apply_is_refused_by_name(
    desk: Desk, words: dict[str, object], said: str
) -> None:
    assert said in desk.failed(ConfigError, desk.typed(**words)).message
    assert desk.host.connected == []


@pytest.mark.parametrize("text", ["-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n", "", "ssh-rsa x\n"])
def test_only_a_public_key_is_ever_sent(desk: Desk, text: str) -> None:
    Path(f"{desk.key}.pub").write_text(text)
    assert "not one OpenSSH public key" in desk.failed(ConfigError).message
    assert desk.host.connected == []


def test_an_account_that_sshd_would_not_let_in_is_never_made(desk: Desk) -> None:
    (desk.host.root / "sshd").write_text(f"{SSHD}allowusers root\nallowusers admin@192.0.2.0/24\n")
    error = desk.failed(AccountRefused)
    assert "AllowUsers root admin@192.0.2.0/24" in error.message
    assert (desk.host.accounts(), desk.host.connected) == ([], ["root"])
    assert "user=b70fleet,host=192.0.2.1,addr=192.0.2.1" in desk.host.text("sshd-asked")
    assert desk.recorded() == (RunState.FINISHED, HostState.REFUSED, [])
    assert "--user root" in error.hint, "root is in already: that works as it is"


def test_an_sshd_that_does_not_answer_makes_no_account(desk: Desk) -> None:
    (desk.host.root / "sshd").write_text("Missing privilege separation directory: /run/sshd\n")
    (desk.host.root / "sshd-status").write_text("255\n")
    error = desk.failed(AccountRefused)
    assert "UNKNOWN" in error.message
    assert "/run/sshd" in error.message
    assert desk.host.accounts() == []


def test_the_key_goes_where_sshd_reads_it(desk: Desk) -> None:
    central = desk.host.root / "etc" / "ssh" / "keys"
    central.parent.mkdir()
    text = SSHD.replace(".ssh/authorized_keys .ssh/authorized_keys2", f"{central}/%u")
    (desk.host.root / "sshd").write_text(text)
    desk.meet()
    assert (central / "b70fleet").read_text() == f"{key_line(b'person')} me@desk\n"
    assert (central / "b70fleet").stat().st_mode & 0o777 == 0o644


def test_a_login_that_does_not_work_leaves_nothing_behind(desk: Desk) -> None:
    before = desk.host.tree()
    desk.host.refuses = "login refused (Authentication failed.)"
    error = desk.failed(AccountFailed)
    assert desk.host.tree() == before
    assert "what was made is taken back" in error.message
    assert "journalctl" in error.hint
    assert desk.hosts.read_text() == HOSTS
    assert desk.recorded() == (RunState.FINISHED, HostState.FAILED, [])


def test_only_what_was_made_is_taken_back(desk: Desk) -> None:
    desk.host.sh("useradd --user-group --create-home b70fleet")
    keys = desk.host.root / "home" / "b70fleet" / ".ssh" / "authorized_keys"
    keys.parent.mkdir()
    keys.write_text("ssh-ed25519 AAAA somebody else")
    desk.host.refuses = "login refused"
    desk.failed(AccountFailed)
    assert desk.host.accounts() == ["b70fleet"]
    assert keys.read_text() == "ssh-ed25519 AAAA somebody else\n"
    assert "etc/sudoers.d/b70fleet" not in desk.host.tree()


def test_the_keys_of_others_survive_a_taking_back_that_fails(desk: Desk) -> None:
    desk.host.sh("useradd --user-group --create-home b70fleet")
    keys = desk.host.root / "home" / "b70fleet" / ".ssh" / "authorized_keys"
    keys.parent.mkdir()
    keys.write_text("ssh-ed25519 AAAA somebody else\n")
    full = desk.host.root / "bin" / "grep"
    full.write_text('#!/bin/sh\n[ "$1" != -vxF ] || { echo cut; exit 2; }\nexec /bin/grep "$@"\n')
    desk.host.refuses = "login refused"
    error = desk.failed(AccountFailed)
    assert keys.read_text().startswith("ssh-ed25519 AAAA somebody else\n")
    assert "could not be taken back" in error.message
    assert [path.name for path in keys.parent.iterdir()] == ["authorized_keys"]


def test_what_was_announced_and_not_made_needs_no_taking_back(desk: Desk) -> None:
    before = desk.host.tree()
    (desk.host.root / "bin" / "mkdir").write_text("#!/bin/sh\necho 'No space left' >&2; exit 1\n")
    error = desk.failed(AccountFailed)
    assert "No space left" in error.message
    assert "is taken back" in error.message
    assert desk.host.tree() == before


def test_an_account_script_that_fails_half_way_leaves_nothing_behind(desk: Desk) -> None:
    before = desk.host.tree()
    (desk.host.root / "visudo-refuses").touch()
    error = desk.failed(AccountFailed)
    assert "visudo refused" in error.message
    assert desk.host.tree() == before


def test_what_cannot_be_taken_back_is_named_with_the_commands_that_remove_it(desk: Desk) -> None:
    before = desk.host.tree()
    desk.host.refuses = "login refused"
    (desk.host.root / "userdel-fails").touch()
    error = desk.failed(AccountFailed)
    assert "Account[b70fleet]" in error.message
    assert desk.recorded()[1] is HostState.UNCERTAIN
    (desk.host.root / "userdel-fails").unlink()
    first, *removing = error.hint.splitlines()
    assert shlex.split(first, comments=True)[1:3] == ["bootstrap", "rig-a"]
    for line in removing:
        desk.host.sh(line.removeprefix("or, as root on the host: "))
    assert desk.host.tree() == before


def test_contact_that_is_lost_while_the_account_is_made_is_called_uncertain(desk: Desk) -> None:
    desk.host.loses = "NOPASSWD"
    error = desk.failed(FleetError)
    assert "may be left there" in error.message
    assert "userdel --remove b70fleet" in error.hint
    assert desk.recorded()[1] is HostState.UNCERTAIN


def test_a_hosts_file_that_cannot_be_written_in_the_end_is_said_with_how_to_go_on(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:

        def full(*_: object) -> None:
            raise OSError(28, "No space left on device")

        broken.setattr("fleet.config.pins.write_text", full)
        error = desk.failed(NotPinned)
    assert "is made and works" in error.message
    assert "No space left on device" in error.message
    assert desk.recorded()[:2] == (RunState.FINISHED, HostState.FAILED)
    words = shlex.split(error.hint, comments=True)
    assert words[words.index("--host-key") + 1] == fingerprint(desk.host.key_line).split()[1]
    desk.meet()
    assert desk.host.accounts() == ["b70fleet"]
    assert desk.pinned()["identity"]


#: Calls of programs that making an account takes, and some more.
CALLS = 20


@pytest.mark.parametrize("kill_at", range(1, CALLS))
def test_an_account_that_was_killed_at_any_program_is_finished_by_the_same_text(
    tmp_path: Path, kill_at: int
) -> None:
    trees = []
    for name, kills in (("whole", 0), ("killed", kill_at)):
        host = StubHost(tmp_path / name)
        home = f"{host.root}/home/b70fleet"
        keys = account.KeysFile(f"{home}/.ssh/authorized_keys", in_home=True)
        text = account.make("b70fleet", key_line(b"person"), keys)
        host.kill_at = kills
        with suppress(LostContact):
            host.sh(text)
        host.kill_at = 0
        assert host.sh(text).status == 0
        assert host.accounts() == ["b70fleet"]
        trees.append({k: v.replace(str(host.root), "") for k, v in host.tree().items()})
    assert trees[0] == trees[1]


def test_a_death_between_the_account_and_its_home_is_finished(desk: Desk) -> None:
    (desk.host.root / "dies-in-useradd").touch()
    desk.failed(FleetError)
    assert not (desk.host.root / "home" / "b70fleet").exists()
    desk.meet()
    assert (desk.host.root / "home" / "b70fleet" / ".ssh" / "authorized_keys").exists()


def test_a_group_that_is_left_from_an_account_is_no_obstacle(desk: Desk) -> None:
    (desk.host.root / "etc" / "group").write_text("b70fleet:x:1001:\n")
    desk.meet()
    assert desk.host.accounts() == ["b70fleet"]


def test_the_ledger_has_a_bootstrap_from_before_the_first_contact(desk: Desk) -> None:
    def look() -> bool:
        assert desk.recorded() == (RunState.RUNNING, HostState.NOT_STARTED, [])
        return True

    desk.answer = look
    desk.meet()
    state, host, made = desk.recorded()
    assert (state, host) == (RunState.FINISHED, HostState.DONE)
    assert made[0] == "Account[b70fleet]"
    assert made[-1] == "Pins[rig-a]"
    assert "Sudoers[/etc/sudoers.d/b70fleet]" in [
        name.replace(str(desk.host.root), "") for name in made
    ]
    assert [run.command for run in desk.ledger.runs("rig-a")] == ["bootstrap"]


@pytest.mark.parametrize("when", ["at-the-question", "while-the-account-is-made"])
def test_ctrl_c_is_on_record_and_says_how_to_go_on(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    def interrupt(*_: object) -> bool:
        raise KeyboardInterrupt

    if when == "at-the-question":
        desk.answer = interrupt
    else:
        monkeypatch.setattr(account, "made", interrupt)
    error = desk.failed(Interrupted)
    assert error.exit_code == 130
    assert shlex.split(error.hint, comments=True)[1:3] == ["bootstrap", "rig-a"]
    expected = HostState.NOT_STARTED if when == "at-the-question" else HostState.UNCERTAIN
    assert desk.recorded()[:2] == (RunState.FINISHED, expected)


def test_a_next_step_is_the_same_command_with_what_was_missing(desk: Desk) -> None:
    typed = Choices(
        host="rig-a", words=("b70", "-i", "my fleet"), address="192.0.2.9", port=2222,
        login="ubuntu", key=Path("/k"), groups=("lab",), ask_sudo_pass=True,
    )  # fmt: skip
    assert typed.again(host_key="SHA256:x") == (
        "b70 -i 'my fleet' bootstrap rig-a --address 192.0.2.9 --port 2222 --login ubuntu "
        "--key /k --host-key SHA256:x --group lab --ask-sudo-pass"
    )
    assert Choices(host="rig-a", login="rig").again(rekey=True) == (
        "b70 bootstrap rig-a --login rig --rekey"
    )
