"""Boot sets on a machine that really boots: its first one, what may happen to it, the way back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from declaration.onhost import PRODUCTION
from facts.boot.kernel import Kernel, RunningKernel
from facts.boot.loader import Boot
from facts.boot.sets import BootSets, HostSets
from facts.disks.block import Block
from facts.packages.dpkg import Packages, PackageState
from facts.pci.gpu_log import GpuLog, KernelLog
from fleet.model.plan import HostResult, HostState
from gates.boot_sets import faults as set_faults
from gates.one_shot import one_shot
from tests.boot.bootrig import GUC, BootRig
from tests.boot.conftest import DONE, THEIRS, Bench
from tests.ssh.controllers import only

DEFAULTS = "/etc/default/grub"
DROP_IN = "/etc/default/grub.d/zz-b70fleet.cfg"
#: The host's own program, and the names that GRUB's environment has.
ROLES = "/boot/b70fleet/roles"
COMMIT = "/usr/lib/b70fleet/boot-commit"


@pytest.fixture
def rig(bench: Bench, done: BootRig) -> BootRig:
    """Return the machine in production on its boot set, to be changed."""
    bench.owns(DONE)
    done.declare(done.boot_set())
    return done


@pytest.fixture
def lent(bench: Bench, done: BootRig, request: pytest.FixtureRequest) -> Iterator[BootRig]:
    """Return the same for a test that undoes what it did."""
    with bench.lent(DONE, request.session):
        done.declare(done.boot_set())
        yield done


@pytest.fixture
def untouched(bench: Bench, done: BootRig) -> BootRig:
    """Return the same for a test that only reads."""
    bench.reads(DONE)
    done.declare(done.boot_set())
    return done


def make_new(rig: BootRig) -> None:
    """Forget that the host is in production."""
    rig.out(f"rm {PRODUCTION}")


@contextmanager
def as_new(rig: BootRig) -> Iterator[None]:
    """Let the host forget that it is in production, and remember it again."""
    rig.out(f"mv {PRODUCTION} /root/")
    yield
    rig.out(f"mv /root/{Path(PRODUCTION).name} {PRODUCTION}")


def faults(rig: BootRig, set_id: str) -> str:
    """Return what the facts find wrong with a set; the host's own program must agree."""
    facts = rig.facts()
    sets, packages = facts[BootSets], facts[Packages]
    assert isinstance(sets, HostSets)
    assert isinstance(packages, PackageState)
    found = set_faults(sets.sets[set_id], packages, timed=sets.timed)
    said = rig.vm.run(f"{COMMIT} check {set_id}", check=False)
    assert bool(said.returncode) is bool(found), said.stderr
    return "; ".join(found)


def refused(rig: BootRig, said: str) -> HostResult:
    """Converge with a reboot allowed; it must end without one, for this reason."""
    before = rig.vm.boot_id()
    result = only(rig.converge(allow_reboot=True))
    assert result.state in (HostState.FAILED, HostState.REFUSED), result.state
    assert said in (result.error or "")
    assert rig.vm.boot_id() == before
    return result


def test_a_new_machine_boots_kernel_tokens_options_and_firmware_of_its_first_boot_set(
    untouched: BootRig,
) -> None:
    facts = untouched.facts()
    kernel, log = facts[Kernel], facts[GpuLog]
    assert isinstance(kernel, RunningKernel)
    assert isinstance(log, KernelLog)
    assert kernel.release == untouched.newer.release
    assert isinstance(kernel.tokens, tuple)
    assert {"xe.disable_display=1", "panic=10", "audit=0"} <= set(kernel.tokens)
    assert f"b70fleet.set={untouched.set_id}" in kernel.tokens
    assert "nomodeset" not in kernel.tokens
    assert getattr(kernel.xe, "parameters", {})["probe_display"] == "N"
    assert {card.guc for card in log.cards if card.bdf == untouched.vm.cards.bdf(0)} == {GUC}
    assert untouched.plan().state is HostState.IN_SYNC


def test_what_a_person_wrote_for_grub_stays_as_it_is_to_the_byte(untouched: BootRig) -> None:
    assert untouched.vm.read(DEFAULTS) == THEIRS
    for option in ("/etc/modprobe.d/90-b70fleet-xe.conf", "/lib/firmware/updates"):
        assert untouched.out(f"ls {option} 2>/dev/null || true") == ""
    assert "70.54.0" in untouched.out("head -c 40 /lib/firmware/xe/bmg_guc_70.bin")


def test_the_old_system_is_kept_as_the_fallback_without_the_sets_words(untouched: BootRig) -> None:
    entry = untouched.menu_entry(untouched.found_id)
    assert "nomodeset" in entry.tokens, "it is the person's word, and the fallback is theirs"
    assert not [word for word in entry.tokens if word.startswith(("xe.", "panic=", "firmware"))]
    roles = dict(line.split(" ", 1) for line in untouched.vm.read(ROLES).splitlines())
    assert roles == {"default": untouched.set_id, "fallback": untouched.found_id}
    assert untouched.environment() == {
        "saved_entry": untouched.set_id,
        "b70fleet_default": untouched.set_id,
        "b70fleet_fallback": untouched.found_id,
    }


def test_one_shot_boots_are_possible_on_a_plain_partition(untouched: BootRig) -> None:
    facts = untouched.facts()
    found = one_shot(facts[Boot], facts[Block])
    assert found.possible is True, found.why


def test_every_initramfs_of_a_built_set_holds_the_trial_hook_and_it_is_inert_without_its_word(
    untouched: BootRig,
) -> None:
    inside = untouched.out(f"lsinitramfs /boot/b70fleet/{untouched.set_id}/initrd")
    assert "scripts/init-top/b70fleet-trial" in inside
    assert f"lib/firmware/b70fleet/{untouched.set_id}/xe/bmg_guc_70.bin" in inside
    assert untouched.out("ls /run/b70fleet 2>/dev/null || true") == ""


def test_a_trial_word_reaches_the_line_of_the_armed_set_once_and_no_other_boot(
    rig: BootRig,
) -> None:
    rig.out(f"{COMMIT} arm {rig.set_id} t-17; sync")
    rig.vm.reboot()
    assert "b70fleet.trial=t-17" in rig.vm.read("/proc/cmdline").split()
    assert rig.vm.read("/run/b70fleet/trial") == "t-17\n", "its initial RAM disk remembers it"
    assert not {"next_entry", "b70fleet_trial", "b70fleet_trial_set"} & rig.environment().keys()
    rig.vm.reboot()
    words = rig.vm.read("/proc/cmdline").split()
    assert f"b70fleet.set={rig.set_id}" in words
    assert not [word for word in words if word.startswith("b70fleet.trial")]


def test_a_system_that_sleeps_on_disk_refuses_every_arming(lent: BootRig) -> None:
    lent.out(
        "cp /etc/fstab /root/fstab && dd if=/dev/zero of=/swap bs=64k count=16 2>/dev/null && "
        "mkswap /swap && printf 'S1SUSPEND\\000' | dd of=/swap bs=1 seek=4086 conv=notrunc "
        "2>/dev/null && "
        "echo '/swap none swap sw 0 0' >>/etc/fstab"
    )
    armed = lent.vm.run(f"{COMMIT} arm {lent.found_id}", check=False)
    assert armed.returncode != 0
    assert "a system sleeps on /swap" in armed.stderr
    assert "next_entry" not in lent.environment()
    lent.out("mv /root/fstab /etc/fstab && rm /swap")


def test_a_changed_declaration_in_production_is_refused_and_names_the_rollout(
    lent: BootRig,
) -> None:
    cmdline = {"present": ["xe.disable_display=1", "panic=11"], "absent": ["nomodeset"]}
    lent.declare(lent.boot_set(cmdline=cmdline))
    before = lent.out("ls /boot/b70fleet")
    result = refused(lent, "is in production and its boot set differs")
    assert result.error_id == "boot-set-drift"
    assert "only a rollout changes it" in (result.error or "")
    assert "b70 plan --limit" in result.hint
    assert lent.out("ls /boot/b70fleet") == before, "nothing was changed"


def test_a_drop_in_that_sorts_later_and_takes_a_setting_away_stops_the_run(lent: BootRig) -> None:
    drop_in = "/etc/default/grub.d/zzz-x.cfg"
    lent.vm.write(drop_in, "# a person's\nGRUB_DEFAULT=0\n")
    with as_new(lent):
        refused(lent, f"{drop_in}:2 sets GRUB_DEFAULT")
    lent.out(f"rm {drop_in}")


@pytest.mark.parametrize(
    ("path", "line", "said"),
    [
        ("/etc/modprobe.d/x.conf", "options xe probe_display=1", "/etc/modprobe.d/x.conf:1 sets"),
        ("/etc/modprobe.d/x.conf", "blacklist xe", "keeps xe from being loaded"),
        (
            "/etc/default/grub.d/10-x.cfg",
            'GRUB_CMDLINE_LINUX="firmware_class.path=/lib/firmware/mine"',
            "/etc/default/grub.d/10-x.cfg:1 sets firmware_class.path",
        ),
    ],
)
def test_a_foreign_word_that_would_win_over_the_set_refuses_to_stage_it(
    lent: BootRig, path: str, line: str, said: str
) -> None:
    lent.vm.write(path, f"{line}\n")
    with as_new(lent):
        lent.declare(lent.boot_set(xe_options={"probe_display": "1"}))
        refused(lent, said)
    lent.out(f"rm {path}")


def test_a_kernel_without_a_driver_for_the_card_stops_before_the_reboot(lent: BootRig) -> None:
    index = f"/lib/modules/{lent.newer.release}/modules.alias"
    lent.out(f"cp -p {index} /root/ && sed -i /E223/Id {index}")
    with as_new(lent):
        refused(lent, f"kernel {lent.newer.release} has no module for 8086:e223")
    lent.out(f"mv /root/modules.alias {index}")


@pytest.mark.parametrize(
    ("damage", "resource"),
    [
        (f"rm {DROP_IN}", f"File[{DROP_IN}]"),
        ("sed -i '/b70fleet.set=/s/panic=10/panic=9/' /boot/grub/grub.cfg", "GrubMenu["),
        ("grub-editenv - set saved_entry=gone", "BootDefault["),
        ("rm /boot/grub/grubenv", "BootDefault["),
        ("rm /boot/b70fleet/roles", "BootDefault["),
        (f"chmod -x {COMMIT}", f"File[{COMMIT}]"),
    ],
)
def test_what_leads_to_the_default_set_is_mended_in_production_without_a_reboot(
    lent: BootRig, damage: str, resource: str
) -> None:
    lent.out(damage)
    result = only(lent.converge())
    assert result.state is HostState.CONVERGED, result.error
    assert [name for name in result.changed if name.startswith(resource)], result.changed
    assert lent.environment()["saved_entry"] == lent.set_id
    assert lent.environment()["b70fleet_fallback"] == lent.found_id
    assert "panic=10" in lent.menu_entry(lent.set_id).tokens
    assert only(lent.converge()).state is HostState.IN_SYNC


def test_an_upgrade_of_a_sets_release_is_held_off_and_forced_by_hand_it_is_noticed(
    rig: BootRig,
) -> None:
    package, version = rig.newer.modules, f"{rig.newer.version}.1"
    module = f"/lib/modules/{rig.newer.release}/updates/xe.ko"
    rig.out(
        f"mkdir -p /root/d/DEBIAN /root/d{module.rpartition('/')[0]} && cp {module} /root/d{module}"
        f" && printf x >>/root/d{module} && printf 'Package: {package}\\nVersion: {version}\\n"
        "Architecture: amd64\\nMaintainer: x <x@example.org>\\nDescription: x\\n'"
        " >/root/d/DEBIAN/control && dpkg-deb -b /root/d /root/d.deb"
    )
    held = rig.vm.run("apt-get -y install /root/d.deb", check=False)
    assert held.returncode != 0
    assert "held packages" in (held.stdout + held.stderr).lower()
    rig.out("dpkg -i /root/d.deb")
    assert f"{module} is another module" in faults(rig, rig.set_id)
    assert f"package {package} is {version}" in faults(rig, rig.set_id)
    armed = rig.vm.run(f"{COMMIT} arm {rig.set_id}", check=False)
    assert armed.returncode != 0
    assert "is incomplete" in armed.stderr
    assert "next_entry" not in rig.environment()
    refused(rig, "is in production and its boot set differs")


def test_a_module_that_dkms_built_over_the_sets_own_is_noticed(rig: BootRig) -> None:
    folder = f"/lib/modules/{rig.newer.release}/updates"
    rig.out(
        f"mkdir {folder}/dkms && mv {folder}/xe.ko {folder}/dkms/ && depmod {rig.newer.release}"
    )
    assert f"is {folder}/dkms/xe.ko, it was {folder}/xe.ko" in faults(rig, rig.set_id)


def test_two_builds_of_one_release_are_refused(lent: BootRig) -> None:
    kernel = lent.boot_set()["kernel"] | {"version": "7.3.4-57.9"}
    with as_new(lent):
        lent.declare(lent.boot_set(kernel=kernel))
        refused(lent, "in another build, and its modules cannot stand twice")


def test_the_fallback_survives_what_happens_to_its_kernel_outside_of_its_folder(
    rig: BootRig,
) -> None:
    old = rig.installed
    rig.out("apt-get -q -y autoremove --purge")
    assert rig.out(f"dpkg-query -W -f '${{db:Status-Status}}' {old.package}") == "installed"
    held = set(rig.out("apt-mark showhold").split())
    assert {old.package, old.modules, rig.newer.package, rig.newer.modules} <= held
    before = rig.out(f"sha256sum /boot/b70fleet/{rig.found_id}/*")
    # the package installed again, its initial RAM disk rebuilt, a /boot without room
    rig.out(f"apt-get -q -y --reinstall install {old.package} {old.modules}")
    rig.out(f"update-initramfs -u -k {old.release}")
    rig.out("dd if=/dev/zero of=/boot/full bs=1M 2>/dev/null; sync; true")
    assert rig.out(f"sha256sum /boot/b70fleet/{rig.found_id}/*") == before
    assert faults(rig, rig.found_id) == ""
    rig.out(f"rm -f /boot/full; {COMMIT} commit {rig.found_id}; sync")
    rig.vm.reboot()
    words = rig.vm.read("/proc/cmdline").split()
    assert f"b70fleet.set={rig.found_id}" in words
    assert rig.out("uname -r") == old.release
    assert not [word for word in words if word.startswith(("xe.", "panic=", "firmware_class"))]


def test_a_set_that_is_gone_makes_grub_boot_the_fallback_and_is_found_and_mended(
    rig: BootRig,
) -> None:
    # purged by hand, with its modules: the entry leaves the menu at the next update
    rig.out(
        f"apt-get -q -y purge --allow-change-held-packages {rig.newer.package} {rig.newer.modules};"
        f" rm -rf /lib/modules/{rig.newer.release}; update-grub; sync"
    )
    assert f"package {rig.newer.package} is not installed" in faults(rig, rig.set_id)
    assert rig.environment()["saved_entry"] == rig.set_id, "nobody changed it"
    rig.vm.reboot()
    assert f"b70fleet.set={rig.found_id}" in rig.vm.read("/proc/cmdline").split()
    make_new(rig)
    finished = only(rig.converge(allow_reboot=True))
    assert finished.state is HostState.CONVERGED, finished.error
    assert rig.out("uname -r") == rig.newer.release


def test_an_image_without_the_module_stops_before_the_reboot(rig: BootRig) -> None:
    make_new(rig)
    rig.out(f"rm /boot/b70fleet/{rig.set_id}/manifest; chmod -x /usr/share/initramfs-tools/hooks/*")
    rig.out("echo 'manual_add_modules() { :; }' >>/usr/share/initramfs-tools/hook-functions")
    refused(rig, "has no module xe")
    assert rig.out(f"ls -A /boot/b70fleet/{rig.set_id}") in ("", "initrd\nvmlinuz")


def test_an_image_without_declared_firmware_stops_before_the_reboot(rig: BootRig) -> None:
    make_new(rig)
    rig.declare(rig.boot_set(initramfs={"firmware": ["xe/bmg_guc_70.bin", "xe/not_there.bin"]}))
    refused(rig, "has no firmware xe/not_there.bin")


def test_a_menu_that_cannot_be_written_stops_before_the_reboot(rig: BootRig) -> None:
    make_new(rig)
    before = rig.vm.read("/boot/grub/grub.cfg")
    rig.out("chmod -x /etc/grub.d/10_linux")
    rig.declare(rig.boot_set(grub={"GRUB_TIMEOUT": "2"}))
    result = refused(rig, "the host must not be rebooted")
    assert "10_linux wrote no entry" in (result.error or "")
    assert rig.vm.read("/boot/grub/grub.cfg") == before
