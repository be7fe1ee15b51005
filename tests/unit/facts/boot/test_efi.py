"""The firmware's boot variables, byte by byte."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facts.base import ParseError
from facts.boot.efi import GLOBALS, LOADER, Efi, EfiBoot, load_option
from facts.value import ABSENT, Unknown
from tests.unit.boot_facts import efi_variables, load_option_bytes
from tests.unit.fact_frame import lack, read, run, run_as

PARTITION = "0b700b70-1111-4222-8333-000000000001"
SHIM = load_option_bytes("ubuntu", "\\EFI\\ubuntu\\shimx64.efi", PARTITION)
NETWORK = load_option_bytes("PXE IPv4", None, None)


def plant_variables(root: Path, values: dict[str, bytes]) -> None:
    folder = root / "sys/firmware/efi/efivars"
    folder.mkdir(parents=True)
    for name, data in values.items():
        guid = LOADER if name.startswith("Loader") else GLOBALS
        (folder / f"{name}-{guid}").write_bytes(b"\x07\0\0\0" + data)


def test_a_load_option_names_its_loader_and_the_partition() -> None:
    found = load_option(1, SHIM)
    assert (found.number, found.description, found.active) == (1, "ubuntu", True)
    assert (found.path, found.partition) == ("\\EFI\\ubuntu\\shimx64.efi", PARTITION)
    assert found.name == "Boot0001 'ubuntu'"
    assert str(UUID(PARTITION)) == PARTITION
    off = load_option(1, load_option_bytes("x", "\\a.efi", PARTITION, active=False))
    assert not off.active
    assert load_option(2, NETWORK).path is ABSENT


@pytest.mark.parametrize("length", [0, 5, 9, 30, len(SHIM) - 3])
def test_a_load_option_that_is_cut_short_is_no_load_option(length: int) -> None:
    with pytest.raises(ParseError):
        load_option(1, SHIM[:length])


@given(st.binary(max_size=120))
def test_no_bytes_break_a_load_option(data: bytes) -> None:
    with suppress(ParseError):
        assert load_option(1, data).number == 1


def test_two_entries_are_the_same_where_they_start_one_file_of_one_partition() -> None:
    one = load_option(1, SHIM)
    assert one.starts_the_same(load_option(2, SHIM.replace(b"s\0h\0i\0m", b"S\0H\0I\0M")))
    other = load_option_bytes("ubuntu", "\\EFI\\ubuntu\\shimx64.efi", PARTITION.replace("1", "2"))
    assert not one.starts_the_same(load_option(2, other))
    assert not load_option(2, NETWORK).starts_the_same(load_option(3, NETWORK))


def test_the_variables_of_a_machine_are_read_in_one_go(tmp_path: Path) -> None:
    plant_variables(
        tmp_path,
        {
            "BootCurrent": b"\x01\0",
            "BootNext": b"\x02\0",
            "BootOrder": b"\x02\0\x01\0",
            "Boot0001": SHIM,
            "Boot0002": NETWORK,
            "Boot000A": SHIM[:9],
            "LoaderInfo": "GRUB 2.12".encode("utf-16-le") + b"\0\0",
        },
    )
    found = run(Efi(), tmp_path)
    assert isinstance(found, EfiBoot)
    assert (found.current, found.next, found.order) == (1, 2, (2, 1))
    assert [found.options[number].description for number in found.options] == ["ubuntu", "PXE IPv4"]
    assert found.loader == "GRUB 2.12"
    assert found.odd == ("Boot000A: its description does not end",)


def test_a_bios_machine_has_no_such_thing(tmp_path: Path) -> None:
    assert run(Efi(), tmp_path) is ABSENT


def test_a_machine_whose_variables_are_not_there_is_unknown(tmp_path: Path) -> None:
    (tmp_path / "sys/firmware/efi").mkdir(parents=True)
    found = run(Efi(), tmp_path)
    assert isinstance(found.current, Unknown)
    assert isinstance(found.order, Unknown)


def test_entries_of_other_boot_loaders_are_named() -> None:
    menus = "/boot/loader/entries/a+3-0.conf\n/boot/efi/loader/entries/b.conf\n"
    found = read(Efi(), {**efi_variables({"BootCurrent": b"\x01\0"}), "menus": menus})
    assert found.menus == ("/boot/loader/entries/a+3-0.conf", "/boot/efi/loader/entries/b.conf")


def test_sizes_that_do_not_fit_the_bytes_are_unknown() -> None:
    parts = efi_variables({"BootCurrent": b"\x01\0"})
    assert isinstance(read(Efi(), {**parts, "bytes": " 00\n"}), Unknown)
    assert isinstance(run_as(Efi(), "true"), Unknown)
    odd = read(Efi(), efi_variables({"BootCurrent": b"\x01", "BootOrder": b"\x01"}))
    assert isinstance(odd.current, Unknown)
    assert isinstance(odd.order, Unknown)
    assert (
        read(Efi(), {"variables": lack("-"), "bytes": lack("-"), "stubs": "", "menus": ""})
        is ABSENT
    )


@pytest.mark.parametrize(
    "text",
    [
        "search.fs_uuid AAAA-1 root hd0,gpt2",
        "search.fs_uuid --no-floppy AAAA-1 root",
        "search --no-floppy --fs-uuid --set=root AAAA-1",
    ],
)
def test_the_menu_beside_a_boot_loader_leads_to_a_file_system(text: str) -> None:
    parts = efi_variables({"BootCurrent": b"\x01\0", "Boot0001": SHIM, "Boot0003": NETWORK})
    stubs = f"/boot/efi/EFI/ubuntu/grub.cfg:3:{text}\n/boot/efi/EFI/debian/grub.cfg:1:{text}2\n"
    found = read(Efi(), {**parts, "stubs": stubs})
    leads = found.leads_to(found.options[1])
    assert leads is not None
    assert (leads[0], leads[1].path, leads[1].number) == (
        *("aaaa-1", "/boot/efi/EFI/ubuntu/grub.cfg"),
        3,
    )
    assert found.leads_to(found.options[3]) is None
    assert read(Efi(), parts).leads_to(found.options[1]) is None
