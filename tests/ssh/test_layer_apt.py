"""Damage tests of the apt layer, and the faults of mirrors, locks and dpkg.

State is read back with the machine's own tools, never with the code under test.
"""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from fleet.base.exitcodes import ExitCode
from lab.machines import Machine
from lab.mirror import Mirror
from tests.ssh.conftest import Site
from tests.ssh.damage import Damage, Run, break_name_repair, changing, holds

pytestmark = pytest.mark.ssh

KEYRING = "/etc/apt/keyrings/b70fleet-intel-graphics.asc"
OTHER_KEYRING = "/etc/apt/keyrings/b70fleet-oneapi.asc"
SOURCE = "/etc/apt/sources.list.d/b70fleet-intel-graphics.sources"
PINS = "/etc/apt/preferences.d/b70fleet-intel-graphics"
DUPLICATE = "/etc/apt/sources.list.d/oneAPI.list"
STRAY = "/etc/apt/sources.list.d/b70fleet-gone.sources"
LOCK = "/var/lib/dpkg/lock-frontend"
#: apt itself accepts every source, key and signature
_TRUSTED = "apt-get update --error-on=any"
_PINNED = "apt-cache policy libze1 | grep -qE '^ [ *]{3} [^ ]+ 990$'"
#: Its second version brings another configuration file than the edited one, and its script asks.
_QUESTIONS = r"""cd /tmp && rm -rf asks && mkdir -p asks/DEBIAN asks/etc && make() {
  printf '%s: %s\n' Package asks Version "$1" Architecture all Maintainer 'x <x@localhost>' \
    Description asks >asks/DEBIAN/control
  echo /etc/asks.conf >asks/DEBIAN/conffiles; echo "$1" >asks/etc/asks.conf
  printf '%s\n' '#!/bin/sh' 'read -r answer || answer=end' 'echo $answer >/tmp/asked' \
    >asks/DEBIAN/postinst
  chmod 0755 asks/DEBIAN/postinst; dpkg-deb -b asks asks.deb
} && make 1 && dpkg -i asks.deb </dev/null && echo mine >/etc/asks.conf && rm /tmp/asked &&
make 2 && dpkg --unpack asks.deb"""

DAMAGES = {
    "source-removed": Damage(f"rm {SOURCE}", (f"File[{SOURCE}]",), f"test -s {SOURCE}"),
    "source-edited": Damage(
        f"sed -i s/^Suites:.*/Suites:\\ sid/ {SOURCE}",
        (f"File[{SOURCE}]",),
        f"grep -qx 'Suites: noble' {SOURCE}",
    ),
    "wrong-key-planted": Damage(
        f"cp {OTHER_KEYRING} {KEYRING}",
        (f"File[{KEYRING}]",),
        f"! cmp -s {OTHER_KEYRING} {KEYRING}",
    ),
    "key-removed": Damage(f"rm {KEYRING}", (f"File[{KEYRING}]",), f"test -s {KEYRING}"),
    "key-unreadable-for-apt": Damage(
        f"chmod 0600 {KEYRING}", (f"File[{KEYRING}]",), f"test $(stat -c %a {KEYRING}) = 644"
    ),
    "pins-edited": Damage(f"sed -i s/990/100/ {PINS}", (f"File[{PINS}]",), _PINNED),
    "pins-removed": Damage(f"rm {PINS}", (f"File[{PINS}]",), _PINNED),
    "declared-twice-by-another-tool": Damage(
        f"echo 'deb https://apt.repos.intel.com/oneapi all main' >{DUPLICATE}",
        (f"File[{DUPLICATE}]",),
        f"test ! -e {DUPLICATE}",
    ),
    "source-of-ours-that-nobody-declares": Damage(
        f"sed s,oneapi/,gone/, /etc/apt/sources.list.d/b70fleet-oneapi.sources >{STRAY}",
        (f"File[{STRAY}]",),
        f"test ! -e {STRAY}",
    ),
    "lists-lost": Damage(
        "rm -r /var/lib/apt/lists/*",
        ("AptLists[fresh]",),
        "apt-cache madison libze1 | grep -q http:",
    ),
    "mark-lost": Damage(
        "rm /var/lib/b70fleet/apt/lists-are-for",
        ("AptLists[fresh]",),
        "test -s /var/lib/b70fleet/apt/lists-are-for",
    ),
    "package-half-configured": Damage(
        # its postinst fails once, as after a power cut or a full disk
        "mkdir -p /tmp/once/DEBIAN && cd /tmp && "
        "printf 'Package: once\\nVersion: 1\\nArchitecture: all\\nMaintainer: x <x@localhost>\\n"
        "Description: fails once\\n' >once/DEBIAN/control && "
        "printf '#!/bin/sh\\n[ -e /tmp/tried ] || { : >/tmp/tried; exit 1; }\\n' "
        ">once/DEBIAN/postinst && chmod 0755 once/DEBIAN/postinst && rm -f /tmp/tried && "
        "dpkg-deb -b once once.deb && ! dpkg -i once.deb",
        ("Dpkg[configured]",),
        'test -z "$(dpkg --audit)"',
    ),
    "package-waits-with-two-questions": Damage(
        _QUESTIONS,
        ("Dpkg[configured]",),
        # the person's edit stays, the script that asks is told nothing
        'test -z "$(dpkg --audit)" && { [ ! -e /etc/asks.conf ] || '
        "[ $(cat /etc/asks.conf /tmp/asked | tr -d '\\n') = mineend ]; }",
    ),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
def test_damage_to_the_apt_layer_is_named_repaired_and_then_there_is_silence(
    damage: Damage, machine: Machine, plan: Run, converge: Run
) -> None:
    break_name_repair(damage, machine, plan, converge)


@pytest.mark.usefixtures("whole")
def test_every_source_names_its_own_key_and_apt_accepts_it(testhost: Any) -> None:
    assert testhost.run(_TRUSTED).rc == 0
    for name in ("intel-graphics", "oneapi", "distribution"):
        source = testhost.file(f"/etc/apt/sources.list.d/b70fleet-{name}.sources")
        assert source.contains(f"^Signed-By: /etc/apt/keyrings/b70fleet-{name}.asc$")
        key = testhost.file(f"/etc/apt/keyrings/b70fleet-{name}.asc")
        assert (key.user, key.mode) == ("root", 0o644)


def test_an_unknown_file_with_one_of_our_repositories_is_named_and_not_touched(
    whole: Machine, plan: Run
) -> None:
    foreign = "/etc/apt/sources.list.d/vendor.list"
    text = "deb https://apt.repos.intel.com/oneapi all main\n"
    whole.write(foreign, text)
    found = plan(whole.name)
    assert found.exit_code is ExitCode.FAILED
    assert f"{foreign} line 1" in found.hosts[0].error
    assert whole.read(foreign) == text
    whole.run(f"rm {foreign}")
    assert plan(whole.name).exit_code is ExitCode.CLEAN


def changed_fleet(site: Site, folder: Path, edit: Any) -> Site:
    """Return the same site with other values in its group data."""
    copy = folder / "fleet"
    shutil.copytree(site.folder, copy)
    path = copy / "group_data" / "groups" / "lab.yaml"
    values = yaml.safe_load(path.read_text())
    edit(values)
    path.write_text(yaml.safe_dump(values, sort_keys=False))
    return replace(site, folder=copy)


def test_a_key_with_a_wrong_fingerprint_is_refused_before_anything_is_written(
    site: Site, whole: Machine, converge: Run, tmp_path: Path
) -> None:
    whole.run(f"rm {SOURCE}")
    declared = "0123456789ABCDEF0123456789ABCDEF01234567"

    def edit(values: Any) -> None:
        values["apt"]["sources"]["oneapi"]["key"]["fingerprint"] = declared

    done = changed_fleet(site, tmp_path, edit).converge(whole.name)
    assert done.exit_code is ExitCode.FAILED
    assert f"declared is {declared}, found is " in done.hosts[0].error
    assert "keys/oneapi.asc" in done.hosts[0].error
    assert not holds(whole, f"test -e {SOURCE}"), "nothing may be written"
    assert converge(whole.name).exit_code is ExitCode.CLEAN


def test_a_mirror_that_is_down_is_named_and_the_run_can_be_repeated(
    site: Site, whole: Machine, converge: Run, mirror: Mirror
) -> None:
    whole.run("rm -r /var/lib/apt/lists/*")
    mirror.stop()
    done = site.b70("converge", "--limit", whole.name, "--yes")
    assert done.status == ExitCode.FAILED
    assert "/intel-graphics/ubuntu" in done.out + done.err
    mirror.start()
    assert converge(whole.name).exit_code is ExitCode.CLEAN


def test_a_package_whose_hash_differs_is_not_installed_and_the_mirror_is_named(
    site: Site, whole: Machine, converge: Run, mirror: Mirror
) -> None:
    whole.run("apt-get clean && dpkg --remove --force-depends curl")
    mirror.corrupt("curl")
    done = site.b70("converge", "--limit", whole.name, "--yes")
    assert done.status == ExitCode.FAILED
    assert "Hash Sum mismatch" in done.out + done.err
    assert "/distribution/pool/curl_" in done.out + done.err
    assert not holds(whole, "curl --version")
    mirror.restore()
    assert converge(whole.name).exit_code is ExitCode.CLEAN
    assert holds(whole, "curl --version")


def hold_lock(machine: Machine, until: str) -> None:
    """Let a process of the machine have dpkg's frontend lock until a shell command succeeds."""
    code = (
        "import fcntl, subprocess, sys, time\n"
        "lock = open(sys.argv[1], 'a'); fcntl.lockf(lock, fcntl.LOCK_EX)\n"
        "open('/run/has-lock', 'w').close()\n"
        "while subprocess.run(['sh', '-c', sys.argv[2]]).returncode: time.sleep(0.2)\n"
    )
    machine.write("/root/lock-holder.py", code)
    machine.run("rm -f /run/has-lock /run/let-go")
    machine.run(
        "systemd-run --quiet --collect --unit=lock-holder "
        f"python3 /root/lock-holder.py {LOCK} '{until}'"
    )
    machine.run("until [ -e /run/has-lock ]; do sleep 0.1; done")


def test_a_lock_that_is_held_for_a_while_is_waited_for(
    whole: Machine, plan: Run, converge: Run
) -> None:
    whole.run("dpkg --remove --force-depends curl")
    # let go only after apt-get has come and found the lock taken
    hold_lock(whole, "pgrep -x apt-get && sleep 2")
    assert converge(whole.name).exit_code is ExitCode.CLEAN
    assert holds(whole, "curl --version")
    assert changing(plan(whole.name)) == []


def test_a_lock_that_stays_held_is_reported_with_its_holder_and_never_broken(
    site: Site, whole: Machine, converge: Run, tmp_path: Path
) -> None:
    whole.run("dpkg --remove --force-depends curl")
    hold_lock(whole, "test -e /run/let-go")
    pid = whole.run("systemctl show --property=MainPID --value lock-holder").stdout.strip()

    def edit(values: Any) -> None:
        values["apt"]["lock_timeout_s"] = 1

    done = changed_fleet(site, tmp_path, edit).b70("converge", "--limit", whole.name, "--yes")
    assert done.status == ExitCode.FAILED
    assert f"held by process {pid} (python3)" in done.out + done.err
    assert holds(whole, f"test -e {LOCK} && kill -0 {pid}")
    whole.run("touch /run/let-go; while systemctl -q is-active lock-holder; do sleep 0.1; done")
    assert converge(whole.name).exit_code is ExitCode.CLEAN


def test_a_login_for_a_private_mirror_is_readable_by_root_alone_and_printed_nowhere(
    site: Site, machine: Machine, converge: Run, tmp_path: Path
) -> None:
    def edit(values: Any) -> None:
        source = values["apt"]["sources"]["oneapi"]
        source |= {"login": "rig", "password": "env:B70_TEST_MIRROR"}

    private = changed_fleet(site, tmp_path, edit)
    private = replace(private, environ={"B70_TEST_MIRROR": "planted-secret-4711"})
    done = private.b70("converge", "--limit", machine.name, "--yes")
    assert done.status == ExitCode.CLEAN
    assert "planted-secret-4711" not in done.out + done.err
    path = "/etc/apt/auth.conf.d/b70fleet-oneapi.conf"
    assert machine.run(f"stat -c %U:%a {path}").stdout.strip() == "root:600"
    assert "planted-secret-4711" in machine.read(path)
    assert converge(machine.name).exit_code is ExitCode.CLEAN
    assert not holds(machine, f"test -e {path}"), "no login is declared any more"
