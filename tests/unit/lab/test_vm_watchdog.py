"""Specification of the watchdog's ACPI table, read as Linux reads it (include/acpi/actbl3.h)."""

from __future__ import annotations

import struct

from lab.vm import qemu, watchdog

HEADER_BYTES, BODY_BYTES, ENTRY_BYTES = 36, 32, 24
FEED, SET_COUNT, GET_RUNNING, ARM, DISARM = 1, 6, 8, 9, 11


def entries() -> dict[int, tuple[int, int, int, int, int]]:
    """Return action -> space, bit, address, value, mask."""
    table = watchdog.table()[HEADER_BYTES + BODY_BYTES :]
    found = {}
    for entry in struct.iter_unpack("<BBHBBBBQII", table):
        action, _, _, space, _, bit, _, address, value, mask = entry
        found[action] = (space, bit, address, value, mask)
    return found


def test_the_table_has_the_lengths_that_it_states() -> None:
    table = watchdog.table()
    signature, length = struct.unpack_from("<4sI", table)
    (body,) = struct.unpack_from("<I", table, HEADER_BYTES)
    (count,) = struct.unpack_from("<I", table, HEADER_BYTES + BODY_BYTES - 4)
    assert (signature, length, body) == (b"WDAT", len(table), BODY_BYTES)
    assert count == len(entries()) == (len(table) - HEADER_BYTES - BODY_BYTES) / ENTRY_BYTES


def test_it_describes_an_enabled_timer_that_is_no_pci_device_and_counts_in_1200_ms() -> None:
    segment, bus, device, function = struct.unpack_from("<H3B", watchdog.table(), HEADER_BYTES + 4)
    period, maximum, minimum, flags = struct.unpack_from("<IIIB", watchdog.table(), 48)
    assert {segment, bus, device, function} == {0xFF}
    assert (period, maximum, minimum, flags & 1) == (1200, 1023, 2, 1)


def test_arming_and_disarming_clear_and_set_the_timers_halt_bit() -> None:
    assert entries()[ARM] == (1, 11, 0x668, 0, 1)
    assert entries()[DISARM] == (1, 11, 0x668, 1, 1)


def test_nobody_can_ask_whether_it_runs_so_that_linux_never_feeds_it_unasked() -> None:
    assert GET_RUNNING not in entries()
    assert {FEED, SET_COUNT} < set(entries())


def test_its_end_is_a_reset_and_it_is_no_device_on_a_bus() -> None:
    hardware = qemu.Hardware("n", {"system": "s.qcow2"}, "tap", "02:b7:00:00:00:0b", "S", "B")
    words = qemu.command(hardware)
    assert words[words.index("-action") + 1] == "watchdog=reset"
    assert words[words.index("-acpitable") + 1] == f"file={qemu.WATCHDOG}"
    assert "ICH9-LPC.noreboot=false" in words
    assert "-no-reboot" in words, "the script starts QEMU anew, with the timer disarmed"
    devices = [words[at + 1] for at, word in enumerate(words) if word == "-device"]
    assert not [device for device in devices if "wdt" in device or "i6300" in device]
