"""The link probe itself, in every shell at hand, on trees of files."""

from __future__ import annotations

import shutil
import stat
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from facts.pci.gpu_card import Card, Link
from facts.pci.gpu_link import GpuLinks
from facts.pci.gpu_link_state import judge
from facts.value import ABSENT, Unknown
from tests.unit.fact_frame import NOBODY, SHELLS, run
from tests.unit.gpu_tree import Spec, build, gpu_address, gpu_folder, make_fifo, write


@pytest.fixture
def root() -> Iterator[Path]:
    """A probe root that every user may enter."""
    folder = Path(tempfile.mkdtemp(prefix="b70-probe."))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def states(root: Path, shell: Sequence[str] = ("sh",)) -> list[str]:
    cards = run(GpuLinks(), root, shell=shell)
    assert not isinstance(cards, Unknown), cards
    return [str(judge(card).state) for card in cards]


@pytest.mark.parametrize("shell", SHELLS, ids=" ".join)
def test_the_probe_gives_the_same_states_in_every_shell(root: Path, shell: list[str]) -> None:
    build(
        root,
        Spec(),
        Spec(link=(4, 16), port=(4, 16)),
        Spec(link=(5, 8)),
        Spec(driver="vfio-pci"),
    )
    assert states(root, shell) == ["ok", "slot-limited", "degraded", "ok"]


def test_every_field_of_a_healthy_card_is_read(root: Path) -> None:
    build(root, Spec(extra={"boot_vga": "1"}))
    (card,) = run(GpuLinks(), root)
    assert card.bdf == "0000:03:00.0"
    assert card.name == "Arc Pro B70"
    assert card.subsystem == (0x8086, 0x1701)
    assert card.numa_node == -1
    assert card.driver == "xe"
    assert card.iommu_group is ABSENT
    assert card.sriov_numvfs == 0
    assert (card.drm_card, card.drm_render) == ("card1", "renderD128")
    assert card.bar2_mib == 32768
    assert card.bar2_sizes == (256, 512, 1024, 2048, 4096, 8192, 16384, 32768)
    assert (card.power_control, card.runtime_status, card.power_state) == ("on", "active", "D0")
    assert card.d3cold_allowed is True
    assert (card.downgrade_capable, card.downgrade_status) == (True, False)
    assert card.survivability is ABSENT
    assert card.boot_vga is True
    assert card.power1_cap_uw == 275_000_000
    assert card.vram_bytes == 34_242_297_856
    assert [hop.bdf for hop in card.hops] == [
        "0000:03:00.0",
        "0000:02:01.0",
        "0000:01:00.0",
        "0000:00:01.1",
    ]
    assert card.hops[2].current == Link(5, 16)
    assert (card.hops[2].aer_correctable, card.hops[2].aer_fatal) == (4, 0)
    assert card.hops[2].l1_aspm is False


def test_four_cards_cost_few_reads_although_a_shell_reads_byte_by_byte(root: Path) -> None:
    build(root, Spec(), Spec(), Spec(), Spec())
    for counters in (root / "sys/devices").rglob("aer_dev_*"):
        kinds = "".join(f"Kind{number} 0\n" for number in range(25))  # as long as Linux writes it
        counters.write_text(kinds + counters.read_text())
    script = GpuLinks().script(str(root)) + "\ngrep syscr: /proc/$$/io >&2\n"
    done = subprocess.run(["sh", "-s"], input=script, capture_output=True, text=True, check=True)
    assert len(GpuLinks().parse(done.stdout)) == 4
    assert int(done.stderr.split()[1]) < 6000


def test_counters_are_read_below_a_folder_with_a_blank_in_its_name(root: Path) -> None:
    build(root / "a rig", Spec())
    (card,) = run(GpuLinks(), root / "a rig")
    assert [hop.aer_correctable for hop in card.hops] == [4] * 4


def test_a_switch_with_a_gen1_uplink_is_found_behind_perfect_card_links(root: Path) -> None:
    build(root, *[Spec(link=(4, 16), port=(4, 16))] * 4, uplink=(1, 16))
    assert states(root) == ["uplink-limited"] * 4


def test_five_digit_domains_are_walked_like_any_other(root: Path) -> None:
    build(root, Spec(), Spec(), domain="10000")
    cards = run(GpuLinks(), root)
    assert [card.bdf for card in cards] == ["10000:03:00.0", "10000:83:00.0"]
    assert [len(card.hops) for card in cards] == [4, 4]


def test_audio_bridges_and_foreign_gpus_are_no_cards(root: Path) -> None:
    build(root, Spec(), Spec(device=0x7D67))
    write(gpu_folder(root, 1) / "vendor", "0x1a03")
    assert [card.bdf for card in run(GpuLinks(), root)] == ["0000:03:00.0"]


def test_a_virtual_function_names_its_card(root: Path) -> None:
    build(root, Spec(), Spec(physfn="0000:03:00.0"))
    cards = run(GpuLinks(), root)
    assert cards[1].physfn == "0000:03:00.0"
    assert states(root) == ["ok", "vf"]


def test_a_survivability_card_is_found_without_any_drm_node(root: Path) -> None:
    build(root, Spec(survivability="Survivability mode type: Boot\nCapability Info: 0x1 - 0x2"))
    (card,) = run(GpuLinks(), root)
    assert card.survivability == "Survivability mode type: Boot"
    assert card.drm_card is ABSENT
    assert states(root) == ["survivability"]


def test_a_guest_that_sees_only_the_gpu_is_unknown(root: Path) -> None:
    build(root, Spec(guest=True))
    assert states(root) == ["unknown"]


def test_a_small_bar_and_an_unbound_card_are_seen(root: Path) -> None:
    build(root, Spec(bar_mib=256, driver=None))
    (card,) = run(GpuLinks(), root)
    assert card.driver is ABSENT
    assert card.bar2_mib == 256
    assert card.whole_vram_in_bar is False
    assert card.downgrade_status is ABSENT
    assert card.power1_cap_uw is ABSENT


def test_a_host_without_cards_has_none(root: Path) -> None:
    build(root)
    assert run(GpuLinks(), root) == ()


def test_a_host_without_a_pci_bus_is_unknown_and_not_empty(root: Path) -> None:
    found = run(GpuLinks(), root)
    assert isinstance(found, Unknown)
    assert "there is no" in found.reason


def test_firmware_owned_aer_is_absent(root: Path) -> None:
    build(root, Spec())
    for kind in ("correctable", "nonfatal", "fatal"):
        (gpu_folder(root, 0) / f"aer_dev_{kind}").unlink()
    assert run(GpuLinks(), root)[0].hops[0].aer_correctable is ABSENT


def test_root_only_files_are_unknown_to_another_user(root: Path) -> None:
    build(root, Spec(), Spec(survivability="Survivability mode type: Boot"))
    healthy, broken = run(GpuLinks(), root, uid=NOBODY)
    assert healthy.downgrade_capable == Unknown("needs root")
    assert healthy.downgrade_status == Unknown("needs root")
    assert healthy.survivability is ABSENT
    assert healthy.power1_cap_uw == 275_000_000
    assert str(judge(healthy).state) == "ok"
    assert broken.survivability == Unknown("needs root")
    assert str(judge(broken).state) == "survivability"


#: Every file whose reading makes the kernel power up the function.
WAKING = (
    "auto_link_downgrade_capable",
    "auto_link_downgrade_status",
    "resource2_resize",
    "hwmon/hwmon3/power1_cap",
    "tile0/physical_vram_size_bytes",
    "current_link_speed",
    "current_link_width",
    "max_link_speed",
    "max_link_width",
)


@pytest.mark.parametrize("shell", SHELLS, ids=" ".join)
def test_a_suspended_card_is_never_opened(root: Path, shell: list[str]) -> None:
    build(root, Spec(gpu_status="suspended"), Spec())
    for name in WAKING:
        make_fifo(gpu_folder(root, 0) / name)
    asleep, awake = run(GpuLinks(), root, shell=shell)
    unread = Unknown("not read, because it would wake the card")
    assert asleep.downgrade_capable == asleep.downgrade_status == unread
    assert asleep.bar2_sizes == asleep.power1_cap_uw == asleep.vram_bytes == unread
    assert asleep.hops[0].current == asleep.hops[0].maximum == unread
    assert asleep.bar2_mib == 32768
    assert str(judge(asleep).state) == "ok"
    assert awake.downgrade_status is False


@pytest.mark.parametrize("status", ["suspended", "suspending"])
def test_the_link_of_a_suspended_bridge_is_never_opened(root: Path, status: str) -> None:
    build(root, Spec(gpu_status=status, bridge_status=status))
    bridge = gpu_folder(root, 0).parent.parent
    for name in WAKING[5:]:
        make_fifo(bridge / name)
    assert states(root) == ["suspended"]


@pytest.mark.parametrize("name", WAKING)
def test_the_fifo_trick_catches_a_probe_that_opens_the_file(root: Path, name: str) -> None:
    """Control: of an active card the same file is opened, which a FIFO shows to its writer."""
    build(root, Spec())
    fifo = gpu_folder(root, 0) / name
    make_fifo(fifo)
    with subprocess.Popen(
        ["sh", "-c", GpuLinks().script(str(root))], stdout=subprocess.PIPE, text=True
    ) as probe:
        fifo.write_text("1\n")  # blocks until the probe opens it
        out, _ = probe.communicate(timeout=30)
    assert out.splitlines()[-1] == "E\t1\t4"


def test_the_probe_starts_one_program_and_goes_without_it_where_it_must(
    root: Path, tmp_path: Path
) -> None:
    build(root, *[Spec()] * 4)
    shell = shutil.which("dash") or "/bin/sh"
    grep = tmp_path / "grep"
    grep.write_text(f'#!/bin/sh\necho >>{tmp_path}/started\nexec {shutil.which("grep")} "$@"\n')
    grep.chmod(0o755)

    def cards(path: str) -> tuple[Card, ...]:
        done = subprocess.run(
            [shell, "-c", GpuLinks().script(str(root))],
            env={"PATH": path},
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stderr == ""
        return GpuLinks().parse(done.stdout)

    assert {hop.aer_correctable for card in cards(str(tmp_path)) for hop in card.hops} == {4}
    assert (tmp_path / "started").read_text() == "\n"
    without = cards("/nowhere")
    assert [str(judge(card).state) for card in without] == ["ok"] * 4
    counters = {type(hop.aer_correctable) for card in without for hop in card.hops}
    assert counters == {Unknown}, "nothing is claimed"


def test_the_probe_changes_nothing(root: Path) -> None:
    build(root, Spec(), Spec(gpu_status="suspended"))

    def picture() -> dict[str, tuple[int, float]]:
        return {
            str(file): (file.lstat().st_size, file.lstat().st_mtime)
            for file in root.rglob("*")
            if stat.S_ISREG(file.lstat().st_mode)
        }

    before = picture()
    run(GpuLinks(), root)
    assert picture() == before


def test_an_unreadable_resource_spoils_one_field_only(root: Path) -> None:
    build(root, Spec(extra={"resource": "nonsense\nmore\n0xzz 0x1 0x2"}))
    (card,) = run(GpuLinks(), root)
    assert card.bar2_mib == Unknown("the file cannot be read")
    assert str(judge(card).state) == "ok"


def test_a_probe_root_with_blanks_and_quotes_is_only_a_folder(root: Path) -> None:
    odd = root / "a 'b' $(touch x) \"c\""
    odd.mkdir()
    build(odd, Spec())
    assert [card.bdf for card in run(GpuLinks(), odd)] == [gpu_address(0)]
    assert not (root / "x").exists()
