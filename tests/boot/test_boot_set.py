"""The first boot set of a machine that really boots, and everything that must stop before it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from declaration.onhost import PRODUCTION
from facts.boot.kernel import Kernel, RunningKernel
from facts.boot.loader import Boot
from facts.disks.block import Block
from facts.pci.gpu_log import GpuLog, KernelLog
from fleet.base.exitcodes import ExitCode
from fleet.model.plan import HostResult, HostState
from gates.one_shot import one_shot
from lab.lab import Lab
from tests.boot.bootrig import GUC, BootRig, make
from tests.boot.conftest import BOOTED, Bench
from tests.ssh.controllers import only

#: Name of the saved state after the first boot set.
DONE = "done"
DEFAULTS = "/etc/default/grub"
#: What an administrator may have written around the tokens that are ours.
THEIRS = (
    "# keep this comment, and the blanks below\n"
    "GRUB_DISTRIBUTOR=`( . /etc/os-release; echo ${NAME:-Debian} ) 2>/dev/null || echo Debian`\n"
    "GRUB_TIMEOUT=4   # a while\n\n"
    'GRUB_CMDLINE_LINUX_DEFAULT="quiet  audit=0 nomodeset"   # nomodeset was for a repair\n'
    "GRUB_CMDLINE_LINUX='console=ttyS0'\n#GRUB_BADRAM=\"0x01234567\"\n"
)
OURS = (
    THEIRS.replace("GRUB_TIMEOUT=4 ", "GRUB_TIMEOUT=1 ").replace(
        '"quiet  audit=0 nomodeset"', '"quiet  audit=0 xe.disable_display=1 panic=10"'
    )
    + "GRUB_DEFAULT=saved\nGRUB_RECORDFAIL_TIMEOUT=15\n"
)


@pytest.fixture(scope="module")
def done(lab: Lab, bench: Bench, tmp_path_factory: pytest.TempPathFactory) -> BootRig:
    """Return the machine after its first boot set, brought there by the product alone."""
    rig = make(lab, bench.owns(BOOTED), tmp_path_factory.mktemp("fleet"))
    rig.vm.write(DEFAULTS, THEIRS)
    # as if the distribution's meta package had brought it: autoremove would take it
    rig.out(f"apt-mark auto {rig.installed.package} {rig.installed.modules}")
    rig.declare(rig.boot_set())

    waiting = rig.converge()
    assert waiting.exit_code == ExitCode.PENDING, only(waiting).error
    assert f"kernel {rig.installed.release} runs, {rig.newer.release} is declared" in (
        only(waiting).error or ""
    )
    assert "--allow-reboot" in only(waiting).hint
    assert rig.out("uname -r") == rig.installed.release, "nobody allowed a reboot"
    assert not only(waiting).certificate

    finished = rig.converge(allow_reboot=True)
    assert finished.exit_code == ExitCode.CLEAN, only(finished).error
    assert only(finished).certificate
    bench.saved(DONE)
    return rig


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
    assert "nomodeset" not in kernel.tokens
    assert not isinstance(kernel.xe, str)
    assert getattr(kernel.xe, "parameters", {})["probe_display"] == "N"
    assert {card.guc for card in log.cards if card.bdf == untouched.vm.cards.bdf(0)} == {GUC}
    assert untouched.plan().state is HostState.IN_SYNC


def test_the_grub_file_differs_in_declared_tokens_and_settings_alone(untouched: BootRig) -> None:
    assert untouched.vm.read(DEFAULTS) == OURS


def test_the_packages_blob_is_kept_once(untouched: BootRig) -> None:
    kept = untouched.out("ls /var/lib/b70fleet/firmware").split()
    assert [name.rpartition(".")[0] for name in kept] == ["bmg_guc_70.bin"]
    assert "70.54.0" in untouched.out(f"head -c 40 /var/lib/b70fleet/firmware/{kept[0]}")


def test_one_shot_boots_are_possible_on_a_plain_partition(untouched: BootRig) -> None:
    facts = untouched.facts()
    found = one_shot(facts[Boot], facts[Block])
    assert found.possible is True, found.why


def test_the_held_fallback_survives_autoremove_and_still_boots_from_the_menu(
    lent: BootRig,
) -> None:
    lent.out("apt-get -q -y autoremove --purge")
    kept = lent.out("ls /boot").split()
    assert {f"vmlinuz-{lent.installed.release}", f"initrd.img-{lent.installed.release}"} <= set(
        kept
    )
    menu = lent.vm.read("/boot/grub/grub.cfg")
    assert f"gnulinux-{lent.installed.release}-advanced-" in menu
    assert set(lent.out("apt-mark showhold").split()) == {
        kernel_package
        for kernel in (lent.installed, lent.newer)
        for kernel_package in (kernel.package, kernel.modules)
    }


def test_drift_of_the_boot_set_in_production_is_refused_and_names_the_rollout(
    lent: BootRig,
) -> None:
    lent.vm.write(DEFAULTS, OURS.replace("xe.disable_display=1", "xe.disable_display=0"))
    result = refused(lent, "is in production and its boot set differs")
    assert result.error_id == "boot-set-drift"
    assert "only a rollout changes it" in result.error
    assert "b70 plan --limit" in result.hint
    assert "xe.disable_display=0" in lent.vm.read(DEFAULTS), "nothing was changed"
    lent.vm.write(DEFAULTS, OURS)


def test_a_drop_in_that_takes_a_token_away_stops_the_run(lent: BootRig) -> None:
    drop_in = "/etc/default/grub.d/99-x.cfg"
    lent.vm.write(drop_in, 'GRUB_CMDLINE_LINUX_DEFAULT="quiet"\n')
    with as_new(lent):
        refused(lent, f"{drop_in}:1 sets GRUB_CMDLINE_LINUX_DEFAULT")
    lent.out(f"rm {drop_in}")


def test_a_kernel_without_a_driver_for_the_card_stops_before_the_reboot(lent: BootRig) -> None:
    index = f"/lib/modules/{lent.newer.release}/modules.alias"
    lent.out(f"cp -p {index} /root/ && sed -i /E223/Id {index}")
    with as_new(lent):
        refused(lent, f"kernel {lent.newer.release} has no module for 8086:e223")
    lent.out(f"mv /root/modules.alias {index}")


def test_a_token_changed_by_hand_is_repaired_on_a_host_that_is_not_in_production(
    bench: Bench, done: BootRig
) -> None:
    rig = done
    bench.takes(DONE)
    rig.declare(rig.boot_set())
    make_new(rig)
    rig.vm.write(DEFAULTS, OURS.replace("xe.disable_display=1 ", ""))
    rig.out("update-grub")
    result = only(rig.converge())
    assert result.state is HostState.CONVERGED, result.error
    assert set(result.changed) == {f"File[{DEFAULTS}]", "GrubMenu[/boot/grub/grub.cfg]"}
    found = rig.vm.read(DEFAULTS)
    # the token comes back behind the others; nothing else moves
    assert found == OURS.replace("xe.disable_display=1 panic=10", "panic=10 xe.disable_display=1")


def test_an_image_without_the_module_stops_before_the_reboot(rig: BootRig) -> None:
    make_new(rig)
    module = f"/lib/modules/{rig.newer.release}/updates/xe.ko"
    rig.out(f"mv {module} /root/ && echo '#' >>/etc/initramfs-tools/hooks/b70fleet-xe")
    refused(rig, "has no module xe: the host must not be rebooted")


def test_an_image_without_declared_firmware_stops_before_the_reboot(rig: BootRig) -> None:
    make_new(rig)
    rig.declare(rig.boot_set(initramfs={"firmware": ["xe/bmg_guc_70.bin", "xe/not_there.bin"]}))
    refused(rig, "has no firmware xe/not_there.bin: the host must not be rebooted")


def test_a_menu_that_cannot_be_written_stops_before_the_reboot(rig: BootRig) -> None:
    make_new(rig)
    rig.vm.write(DEFAULTS, OURS.replace("panic=10", "panic=9"))
    rig.out("chmod -x /etc/grub.d/10_linux")
    result = refused(rig, f"menu entry of {rig.newer.release}: one that loads it is missing")
    assert "the host must not be rebooted" in (result.error or "")
