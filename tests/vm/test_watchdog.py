"""A hang that only a hardware watchdog ends.

The guest switches its local APIC off. From then on no interrupt reaches the CPU: no timer, no
disk, no network, no NMI. The kernel stops at its next idle moment and nothing in it can run again,
its own watchdogs (softdog, lockup detectors) included. The chipset's timer needs no CPU.
"""

from __future__ import annotations

import re
import time

from lab.vm.machine import VirtualMachine

#: Seconds after which softdog would restart the machine, and the hardware does. systemd feeds the
#: hardware at half of its time, so 6 to 12 s are left when the hang begins.
SOFTDOG_S, HARDWARE_S = 3, 12
#: Seconds until the machine must have been reset; it may share its CPU with others.
RESET_WITHIN_S = 120
#: IA32_APIC_BASE and its value with the enable bit (11) cleared, least significant byte first
#: (Intel SDM volume 3, 10.4.3).
APIC_BASE, DISABLED = 0x1B, r"\000\001\340\376\000\000\000\000"
MANAGER = "org.freedesktop.systemd1 /org/freedesktop/systemd1 org.freedesktop.systemd1.Manager"
#: softdog is armed last and by the same program that hangs the machine, which goes on only if the
#: hang is none.
ARM_AND_HANG = f"""
set -e
modprobe msr
modprobe softdog soft_margin={SOFTDOG_S}
busctl set-property {MANAGER} RuntimeWatchdogUSec t {HARDWARE_S}000000
cat /sys/class/watchdog/watchdog0/identity /sys/class/watchdog/watchdog0/state
(
    sleep 1
    exec 3>/dev/watchdog1
    printf '{DISABLED}' | dd of=/dev/cpu/0/msr bs=8 seek={APIC_BASE} oflag=seek_bytes conv=notrunc
    sleep 0.1
    echo 'no hang' >/dev/ttyS0
) >/dev/null 2>&1 &
"""


def state(vm: VirtualMachine) -> str:
    """Return what the kernel says of the hardware watchdog."""
    return vm.read("/sys/class/watchdog/watchdog0/state").strip()


def test_a_machine_has_a_hardware_watchdog_that_nobody_armed(vm: VirtualMachine) -> None:
    assert vm.read("/sys/class/watchdog/watchdog0/identity").strip() == "wdat_wdt"
    assert state(vm) == "inactive"
    assert len(vm.run("ls /sys/class/watchdog").stdout.split()) == 1


def test_a_hang_without_interrupts_is_ended_by_the_hardware_watchdog_alone(
    vm: VirtualMachine,
) -> None:
    boot_id, before = vm.boot_id(), len(vm.serial())
    assert vm.run(ARM_AND_HANG).stdout.split() == ["wdat_wdt", "active"]
    armed = time.monotonic()
    while "GNU GRUB" not in vm.serial()[before:]:
        assert time.monotonic() < armed + RESET_WITHIN_S, "nothing ended the hang"
        time.sleep(0.1)
    ended_after = time.monotonic() - armed
    said = vm.serial()[before : before + vm.serial()[before:].index("GNU GRUB")]

    assert "no hang" not in said
    assert ended_after > SOFTDOG_S + 1
    assert not re.search(r"softdog|Initiating system reboot|reboot:|panic|lockup", said), said

    vm.wait_ready(not_boot_id=boot_id)
    assert state(vm) == "inactive", "a reset disarms"
