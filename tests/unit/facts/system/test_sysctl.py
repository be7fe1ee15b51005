"""Kernel settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from facts.system.sysctl import KEYS, Sysctl, SysctlValues, sysctl_path
from facts.value import ABSENT, Unknown
from tests.unit.fact_frame import grep, read, run, run_as


def real(key: str) -> str:
    return " ".join(Path(sysctl_path(key)).read_text().split())


def test_numbers_of_several_digits_are_read_whole() -> None:
    values = run(Sysctl())
    there = [key for key in KEYS if Path(sysctl_path(key)).exists()]
    assert {key: values[key] for key in there} == {key: real(key) for key in there}
    assert any(len(str(values[key])) > 1 for key in there)


def test_every_key_has_an_entry_and_a_missing_one_is_absent() -> None:
    values = run(Sysctl())
    assert set(values) == set(KEYS)
    assert all(values[key] is ABSENT for key in KEYS if not Path(sysctl_path(key)).exists())


def test_any_other_key_can_be_asked_for() -> None:
    values = run_as(
        SysctlValues(),
        SysctlValues().command(keys="net.ipv4.ip_local_port_range,kernel.no_such_b70"),
    )
    assert values["net.ipv4.ip_local_port_range"] == real("net.ipv4.ip_local_port_range")
    assert values["kernel.no_such_b70"] is ABSENT


def test_a_key_that_exists_but_gives_nothing_is_unknown() -> None:
    parts = {
        "keys": "vm.a\nvm.b\nvm.c\n",
        "absent": "",
        "values": grep({"/proc/sys/vm/c": "4096\t87380\t6291456\n"}) + "!/proc/sys/vm/a\n",
    }
    values = read(Sysctl(), parts)
    assert values["vm.a"] == Unknown("needs root")
    assert isinstance(values["vm.b"], Unknown)
    assert values["vm.c"] == "4096 87380 6291456"


@pytest.mark.parametrize(
    ("key", "path"),
    [
        ("vm.swappiness", "/proc/sys/vm/swappiness"),
        ("net.ipv4.conf.eth0/100.forwarding", "/proc/sys/net/ipv4/conf/eth0.100/forwarding"),
        ("net/ipv4/conf/eth0.100/forwarding", "/proc/sys/net/ipv4/conf/eth0.100/forwarding"),
    ],
)
def test_the_first_separator_of_a_key_rules(key: str, path: str) -> None:
    assert sysctl_path(key) == path


@pytest.mark.parametrize("key", ["", "a b", "../../etc/shadow", "$(id)", "/etc/passwd"])
def test_what_is_no_key_never_reaches_a_shell(key: str) -> None:
    with pytest.raises(ValueError, match="not a sysctl key"):
        sysctl_path(key)
