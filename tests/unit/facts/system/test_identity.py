"""Who a host is."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from facts.system.identity import Identity, Sudo
from facts.value import ABSENT, Unknown
from tests.unit.fact_frame import NOBODY, lack, plant, read, run

DMI = {
    "product_serial": "M12SWA-0001",
    "board_serial": "VM22AS000001",
    "product_name": "Super Server",
    "sys_vendor": "Supermicro",
    "board_vendor": "Supermicro",
    "board_name": "M12SWA-TF",
    "bios_version": "2.4a",
    "bios_date": "07/17/2025",
}
PARTS: dict[str, str | tuple[str, str]] = {
    "hostname": "rig-b",
    "machine_id": "0123456789abcdef0123456789abcdef",
    **DMI,
    "uid": "0",
    "user": "root",
    "sudo": "root",
}


def test_board_and_serial_are_read() -> None:
    who = read(Identity(), PARTS)
    assert (who.hostname, who.machine_id) == ("rig-b", "0123456789abcdef0123456789abcdef")
    assert who.dmi_serial == "M12SWA-0001"
    assert (who.board.vendor, who.board.name, who.board.bios_version) == (
        "Supermicro",
        "M12SWA-TF",
        "2.4a",
    )
    assert (who.uid, who.user, who.sudo) == (0, "root", Sudo.ROOT)


@pytest.mark.parametrize(
    "text", ["To Be Filled By O.E.M.", "Default string", "None ", "0123456789"]
)
def test_what_the_maker_left_unfilled_is_no_serial(text: str) -> None:
    assert read(Identity(), {**PARTS, "product_serial": text}).dmi_serial is ABSENT


def test_an_ordinary_user_cannot_tell_the_serial() -> None:
    who = read(
        Identity(),
        {
            **PARTS,
            "product_serial": lack("!", "needs root"),
            "uid": "1000",
            "user": "rig",
            "sudo": "refused",
        },
    )
    assert who.dmi_serial == Unknown("needs root")
    assert who.sudo is Sudo.REFUSED


@pytest.mark.parametrize("change", [{"uid": "x"}, {"sudo": "perhaps"}])
def test_nonsense_about_the_reader_is_unknown(change: dict[str, str]) -> None:
    assert isinstance(read(Identity(), {**PARTS, **change}), Unknown)


def test_the_board_comes_from_the_simulated_tree_and_the_name_from_the_host(tmp_path: Path) -> None:
    plant(tmp_path, {f"sys/class/dmi/id/{name}": f"{text}\n" for name, text in DMI.items()})
    who = run(Identity(), tmp_path)
    assert who.dmi_serial == "M12SWA-0001"
    assert who.board.product == "Super Server"
    assert who.hostname == os.uname().nodename
    assert who.uid == os.geteuid()


def test_a_machine_without_dmi_has_no_board(tmp_path: Path) -> None:
    who = run(Identity(), tmp_path)
    assert who.dmi_serial is ABSENT
    assert who.board.name is ABSENT


def test_without_root_the_way_to_root_is_named() -> None:
    who = run(Identity(), uid=NOBODY)
    assert who.sudo is not Sudo.ROOT or os.geteuid() != 0
    assert who.uid == (NOBODY if os.geteuid() == 0 else os.geteuid())
