"""What an upgrade by hand would change: apt's own word, without a lock and without a trace."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from facts.base import interpret, wrap
from facts.packages.apt_upgrade import AptUpgrade, Change, Move, Pin, UpgradeState, changes
from facts.value import ABSENT, Unknown
from tests.unit.apt_root import AptRoot, Made
from tests.unit.fact_frame import lack, read, relocated, run

#: as apt 2.8 prints them
HWE = """\
Inst linux-modules-7.0.0-38-generic (7.0.0-38.38~24.04.1 Ubuntu:24.04/noble-updates [amd64])
Inst linux-image-7.0.0-38-generic (7.0.0-38.38~24.04.1 Ubuntu:24.04/noble-updates [amd64])
Inst linux-firmware [20240318.git3b128b60-0ubuntu2.1] (20240318.git3b128b60-0ubuntu2.9 Ubuntu:24.04/noble-updates [amd64])
Inst linux-generic-hwe-24.04 [6.17.0-23.23~24.04.2] (7.0.0-38.38~24.04.1 Ubuntu:24.04/noble-updates, Ubuntu:24.04/noble-security [amd64]) []
Inst libc6:i386 [2.39-0ubuntu8.3] (2.39-0ubuntu8.4 Ubuntu:24.04/noble-updates [i386]) [libc6:amd64 on libc6:i386]
Remv linux-image-6.17.0-9-generic [6.17.0-9.9~24.04.1]
Purg old-thing [1.0] [a:amd64 ]
"""  # noqa: E501
PINS = """\
/etc/apt/preferences.d/kernel:1:# why
/etc/apt/preferences.d/kernel:2:Package: linux-image-* linux-generic
/etc/apt/preferences.d/kernel:3:Pin: version 6.17*
/etc/apt/preferences.d/kernel:4:Pin-Priority: 1001
/etc/apt/preferences.d/kernel:5:
/etc/apt/preferences.d/kernel:6:Package: *
/etc/apt/preferences.d/kernel:7:Pin: release a=x
/etc/apt/preferences.d/kernel:8:Pin-Priority: -1
"""
PARTS: dict[str, str | tuple[str, str]] = {
    "full": HWE,
    "plain": "",
    "autoremove": lack("?", "E: Unmet dependencies"),
    "holds": "linux-generic\n",
    "pins": PINS,
    "written": "1788000000 /etc/apt/preferences.d/kernel\n1780000000 linux-generic\n",
    "names": "linux-generic\n",
    "policies": "linux-generic:\n  Installed: (none)\n  Candidate: 6.8.0-60.63\n  Version table:\n"
    "     6.8.0-60.63 500\n        500 http://x noble-updates/main amd64 Packages\n",
    "archives": "Package files:\n",
}


def test_each_line_of_apt_is_an_install_an_upgrade_or_a_removal() -> None:
    found = changes(HWE)
    assert [(change.name, change.move) for change in found] == [
        ("linux-modules-7.0.0-38-generic", Move.INSTALL),
        ("linux-image-7.0.0-38-generic", Move.INSTALL),
        ("linux-firmware", Move.UPGRADE),
        ("linux-generic-hwe-24.04", Move.UPGRADE),
        ("libc6:i386", Move.UPGRADE),
        ("linux-image-6.17.0-9-generic", Move.REMOVE),
        ("old-thing", Move.REMOVE),
    ]
    assert found[3] == Change(
        "linux-generic-hwe-24.04", "6.17.0-23.23~24.04.2", "7.0.0-38.38~24.04.1"
    )
    assert found[5].before == "6.17.0-9.9~24.04.1"


def test_holds_pins_their_times_and_what_there_is_to_choose_from_are_read() -> None:
    state: UpgradeState = read(AptUpgrade(), PARTS)
    assert state.holds == ("linux-generic",)
    assert state.pins == (
        Pin(
            "/etc/apt/preferences.d/kernel",
            2,
            ("linux-image-*", "linux-generic"),
            "version 6.17*",
            1001,
        ),
        Pin("/etc/apt/preferences.d/kernel", 6, ("*",), "release a=x", -1),
    )
    assert state.written["/etc/apt/preferences.d/kernel"] == 1_788_000_000
    assert state.policies["linux-generic"].installed is ABSENT
    assert state.plain == ()


def test_a_simulation_that_fails_is_unknown_and_spoils_no_other_part() -> None:
    state: UpgradeState = read(AptUpgrade(), PARTS)
    assert state.autoremove == Unknown("E: Unmet dependencies")
    odd: UpgradeState = read(AptUpgrade(), {**PARTS, "full": "Inst what is this\n"})
    assert isinstance(odd.full, Unknown)
    assert "Inst what is this" in odd.full.reason


def test_it_is_read_on_demand_alone_and_this_machine_answers() -> None:
    assert AptUpgrade.on_demand
    assert isinstance(run(AptUpgrade()), UpgradeState | Unknown)


def entries(root: AptRoot) -> set[tuple[str, int, int]]:
    return {
        (str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in root.root.rglob("*")
    }


def test_a_real_apt_is_asked_without_writing_or_locking_anything(open_folder: Path) -> None:
    root = AptRoot(open_folder)
    old, new = "linux-image-6.17.0-9-x", "linux-image-7.0.0-3-x"
    meta = "linux-x-hwe"
    root.archive("a", "A", {meta: Made("6.17", old), old: Made("6.17"), "linux-x": Made("6")})
    root.update()
    root.shell(f"apt-get -qq -y install {meta}")
    root.shell("apt-mark hold linux-x")
    root.archive(
        "a",
        "A",
        {meta: Made("7.0", new), new: Made("7.0"), "linux-x": Made("6"), old: Made("6.17")},
    )
    root.update()
    root.write(
        "/etc/apt/preferences.d/k", f"Package: {old[:12]}*\nPin: version 6.17\nPin-Priority: 1\n"
    )
    for cache in (root.root / "var/cache/apt").glob("*.bin"):
        cache.unlink()
    if os.geteuid() != 0:  # the folders of a host's apt are not an ordinary user's
        for path in (root.root, *root.root.rglob("*")):
            path.chmod(path.stat().st_mode & ~0o222)
    before = entries(root)
    fact = AptUpgrade()
    script = relocated(fact.script(), root.root, "/etc/apt", "/var/lib/dpkg")
    done = root.shell(wrap(script, fact.timeout_s))
    state: UpgradeState = interpret(fact, done.stdout.split("\n"))
    assert isinstance(state, UpgradeState), state
    assert entries(root) == before
    assert isinstance(state.full, tuple)
    assert {(c.name, c.before, c.after) for c in state.full} == {
        (new, None, "7.0"),
        (meta, "6.17", "7.0"),
    }
    assert state.plain == ()
    assert state.holds == ("linux-x",)
    assert state.policies["linux-x"].installed is ABSENT
    assert state.policies[old].installed == "6.17"
    (pin,) = state.pins
    assert pin.packages == ("linux-image-*",)


@pytest.mark.parametrize(
    ("setting", "moves"),
    [("", False), ('APT::Ignore-Hold "true";', True), ("APT { ignore-hold yes; };", True)],
)
def test_a_hold_that_apt_is_told_to_ignore_moves_in_the_simulation(
    setting: str, moves: bool, open_folder: Path
) -> None:
    root = AptRoot(open_folder)
    root.archive("a", "A", {"linux-x": Made("6")})
    root.update()
    root.shell("apt-get -qq -y install linux-x && apt-mark hold linux-x")
    root.archive("a", "A", {"linux-x": Made("7")})
    root.update()
    root.write("/etc/apt/apt.conf.d/zz", f"{setting}\n")
    script = relocated(AptUpgrade().script(), root.root, "/etc/apt", "/var/lib/dpkg")
    done = root.shell(wrap(script, AptUpgrade().timeout_s))
    state: UpgradeState = interpret(AptUpgrade(), done.stdout.split("\n"))
    assert state.holds == ("linux-x",)
    assert state.full == ((Change("linux-x", "6", "7"),) if moves else ())
