"""The whole site on Debian 13: apt 3 with sqv, systemd 257, no /etc/sysctl.conf.

One machine, from new. What differs from Debian 12 is broken by hand and repaired; everything else
has its damage tests on this computer's own release.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from fleet.base.exitcodes import ExitCode
from fleet.model.plan import HostState
from lab import shapes
from lab.machines import Machine
from tests.ssh.conftest import Site
from tests.ssh.damage import Damage, Run, break_name_repair, changing

#: Seconds: the first test may have to wait until the base image of Debian 13 is built.
pytestmark = [pytest.mark.ssh, pytest.mark.timeout(900)]

KEYRING = "/etc/apt/keyrings/b70fleet-distribution-trixie.asc"
OTHER_KEYRING = "/etc/apt/keyrings/b70fleet-oneapi.asc"
LISTS = "/etc/apt/sources.list.d"
JOURNALD = "/etc/systemd/journald.conf.d/50-b70fleet.conf"
JOURNAL = "/var/log/journal"
SYSCTL = "/etc/sysctl.d/90-b70fleet.conf"
#: apt itself accepts every source, key and signature
_TRUSTED = "apt-get update --error-on=any"
#: What the next boot sets, by the program that will do it.
_AT_BOOT = "/usr/lib/systemd/systemd-sysctl --cat-config"


@pytest.fixture(scope="module")
def machine(rigs: Callable[..., list[Machine]]) -> Machine:
    """Return this file's own rig, on Debian 13."""
    return rigs({"rig": shapes.HEALTHY_GEN5}, "trixie")[0]


def test_the_whole_site_converges_on_a_new_machine_and_then_there_is_silence(
    site: Site, machine: Machine, testhost: Any
) -> None:
    said = testhost.run("apt-get --version; systemctl --version; ls /usr/bin/gpgv /usr/bin/sqv")
    assert said.stdout.startswith("apt 3.")
    assert "\nsystemd 257 " in said.stdout
    assert said.stdout.endswith("\n/usr/bin/sqv\n"), "signatures are checked by another program"

    (first,) = site.converge(machine.name).hosts
    assert first.state is HostState.CONVERGED, first.error
    # every layer of the site had something to do
    assert {
        f"File[{KEYRING}]",
        "Packages[base]",
        "Packages[gpu-userspace]",
        f"File[{SYSCTL}]",
        "Unit[systemd-journald]",
        "User[b70]",
    } <= set(first.changed)
    assert testhost.package("libze1").is_installed
    assert testhost.package("clinfo").is_installed

    (second,) = site.converge(machine.name).hosts
    assert (second.state, second.changed, second.execs) == (HostState.IN_SYNC, [], 2)
    assert [host.execs for host in site.plan(machine.name).hosts] == [1]


DAMAGES = {
    "key-that-sqv-refuses": Damage(
        f"cp {OTHER_KEYRING} {KEYRING}", (f"File[{KEYRING}]",), _TRUSTED
    ),
    "declared-twice-after-apt-rewrote-the-sources-of-another-tool": Damage(
        f"echo 'deb https://apt.repos.intel.com/oneapi all main' >{LISTS}/oneapi.list && "
        "apt -y modernize-sources 2>/dev/null",
        (f"File[{LISTS}/oneapi.sources]",),
        f"{_TRUSTED} && ! grep -rq apt.repos.intel.com {LISTS} --include=*.sources",
    ),
    "journal-lost-while-journald-was-volatile": Damage(
        f"cp -p {JOURNALD} /root/kept && sed -i s/persistent/volatile/ {JOURNALD} && "
        f"systemctl restart systemd-journald && cp -p /root/kept {JOURNALD} && rm -r {JOURNAL}",
        (f"Directory[{JOURNAL}]", "Unit[systemd-journald]"),
        f"test -s {JOURNAL}/$(cat /etc/machine-id)/system.journal",
    ),
    "sysctl-drop-in-lost": Damage(
        f"rm {SYSCTL}",
        (f"File[{SYSCTL}]",),
        f"{_AT_BOOT} | grep -qx 'vm.swappiness = 1'",
    ),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
def test_damage_is_named_repaired_and_then_there_is_silence(
    damage: Damage, machine: Machine, plan: Run, converge: Run
) -> None:
    break_name_repair(damage, machine, plan, converge)


def test_a_sysctl_conf_that_no_boot_reads_is_left_alone(whole: Machine, plan: Run) -> None:
    """Debian 12 reads it last, through a link that Debian 13 no longer has."""
    whole.write("/etc/sysctl.conf", "vm.swappiness = 60\n")
    assert "vm.swappiness = 60" not in whole.run(_AT_BOOT).stdout
    found = plan(whole.name)
    assert (found.exit_code, changing(found)) == (ExitCode.CLEAN, [])
    whole.run("rm /etc/sysctl.conf")
