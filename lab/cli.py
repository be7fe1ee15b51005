"""`b70 lab`: disposable rigs on this computer. Prints; everything else is in `lab.lab`."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Collection
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from lab import demo, shapes
from lab.booting import BootingMachine
from lab.catalog import BOOTABLE
from lab.errors import LabError
from lab.kinds import UML, VM, Kind
from lab.lab import Lab
from lab.uml.dracut import INITRAMFS_TOOLS, makers
from lab.uml.layout import PLAIN, layouts
from lab.vm.record import BIOS, UEFI

app = typer.Typer(
    name="lab",
    help="Disposable rigs on this computer: containers, machines that boot, fake B70 cards.",
    no_args_is_help=True,
    add_completion=False,
)
_out = Console(highlight=False, soft_wrap=True)

Names = Annotated[list[str] | None, typer.Argument(help="machine names", show_default=False)]


@app.command()
def up(
    names: Names = None,
    fleet: Annotated[int, typer.Option(help="number of rigs lab1, lab2, …", min=0)] = 0,
    shape: Annotated[str, typer.Option(help=f"one of {', '.join(shapes.ALL)}")] = "gen5-x16",
    vm: Annotated[
        list[str] | None,
        typer.Option(help="emulated PC with a BIOS and the distribution's kernels", metavar="NAME"),
    ] = None,
    uml: Annotated[
        list[str] | None,
        typer.Option(
            help="machine with a kernel and disks of its own that boots in seconds", metavar="NAME"
        ),
    ] = None,
    firmware: Annotated[
        str,
        typer.Option(help=f"firmware of a new --vm machine: {BIOS}, or {UEFI} with Secure Boot"),
    ] = BIOS,
    disk: Annotated[
        list[str] | None,
        typer.Option(help="extra disk of a new machine with its own kernel, such as 2G"),
    ] = None,
    layout: Annotated[
        str, typer.Option(help=f"layout of a new --uml machine's disk: {', '.join(layouts())}")
    ] = PLAIN,
    initramfs: Annotated[
        str,
        typer.Option(
            help="what makes the initramfs of a new --uml machine: "
            f"{', '.join([INITRAMFS_TOOLS, *makers()])}"
        ),
    ] = INITRAMFS_TOOLS,
    release: Annotated[
        str | None,
        typer.Option(
            help="codename of the rigs' release, such as trixie; this computer's by default",
            show_default=False,
        ),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="do not ask")] = False,
) -> None:
    """Start rigs (the two demo rigs when none is named) and write a fleet directory for them.

    \b
    b70 lab up --fleet 4                          lab1 to lab4
    b70 lab up rig-t --release trixie             a rig on Debian 13
    b70 lab up --uml u1 --disk 2G                 a machine that really boots, in seconds
    b70 lab up --uml u2 --layout lvm              the same with its root on LVM
    b70 lab up --uml u3 --initramfs dracut --release trixie
    b70 lab up --vm vm1 --release trixie          an emulated PC on Debian 13
    b70 lab up --vm vm2 --firmware uefi           one with Secure Boot, without cards
    """
    described = demo.load()
    if names and fleet:
        raise LabError("give names or --fleet, not both")
    booting = [*(vm or []), *(uml or [])]
    if disk and not booting:
        raise LabError("--disk belongs to --vm or --uml: other rigs have no disks of their own")
    if firmware != BIOS and not vm:
        raise LabError("--firmware belongs to --vm")
    if layout != PLAIN and not uml:
        raise LabError("--layout belongs to --uml")
    if initramfs != INITRAMFS_TOOLS and not uml:
        raise LabError("--initramfs belongs to --uml")
    if booting and not names and not fleet:
        chosen = {}
    elif names:
        chosen = {name: described.rigs.get(name) or shapes.by_name(shape) for name in names}
    else:
        chosen = demo.fleet(fleet or len(described.rigs), described)
    _become_root()
    lab = _lab()
    kinds = [kind for kind, wanted in ((VM, vm), (UML, uml)) if wanted]
    if _print_changes(lab, kinds, release) and not yes and sys.stdin.isatty():
        typer.confirm("Go on?", abort=True)
    if chosen:
        lab.up_many(chosen, release)
    for name in vm or []:
        lab.up_vm(name, shapes.by_name(shape), disk or (), release=release, firmware=firmware)
    for name in uml or []:
        lab.up_uml(
            name,
            shapes.by_name(shape),
            disk or (),
            release=release,
            layout=layout,
            initramfs=initramfs,
        )
    lab.inventory(lab.fleet, boot_set=True)
    _print_status(lab)
    _out.print(f"Next: b70 -i {lab.fleet} plan --all")


@app.command()
def down(
    names: Names = None,
    purge: Annotated[bool, typer.Option(help="also undo every change to this computer")] = False,
) -> None:
    """Remove rigs (all of them when none is named)."""
    if names and purge:
        raise LabError("--purge removes every rig: give no names")
    _become_root()
    lab = _lab()
    if purge:
        lab.purge()
        _out.print(f"purged: {lab.settings.root} and everything the lab changed here")
        return
    removed = lab.down(names or None)
    _out.print(f"removed: {', '.join(removed) or 'nothing, no rig was there'}")
    if lab.fleet.is_dir():
        lab.inventory(lab.fleet, boot_set=True)


@app.command()
def status() -> None:
    """Show the rigs."""
    _become_root()
    _print_status(_lab())


@app.command()
def reset(names: Annotated[list[str], typer.Argument(help="machine names")]) -> None:
    """Make rigs as new as on their first start; address and identity stay."""
    _become_root()
    lab = _lab()
    for name in names:
        machine = lab.host(name)
        if isinstance(machine, BootingMachine):
            machine.renew()
            machine.start()
            machine.wait_ready()
        else:
            machine.reset()
        _out.print(f"{name}: new")


@app.command(context_settings={"ignore_unknown_options": True})
def ssh(
    name: Annotated[str, typer.Argument(help="machine name")],
    command: Annotated[list[str] | None, typer.Argument(help="-- COMMAND to run there")] = None,
) -> None:
    """Open a shell on a rig, or run a command there."""
    _become_root()
    words = _lab().host(name).ssh_command(*(command or []))
    os.execvp(words[0], words)


@app.command("list-changes")
def list_changes() -> None:
    """List what the lab changes on this computer and how a purge undoes it."""
    _print_changes(_lab(), tuple(BOOTABLE), everything=True)


@app.command()
def inventory(folder: Annotated[Path, typer.Argument(help="fleet directory to write")]) -> None:
    """Write a fleet directory that describes the running rigs."""
    _become_root()
    _lab().inventory(folder, boot_set=True)
    _out.print(f"written: {folder}")


def _lab() -> Lab:
    return Lab.open(say=lambda line: _out.print(f"  {line}", markup=False))


def _print_changes(
    lab: Lab, kinds: Collection[Kind], release: str | None = None, *, everything: bool = False
) -> bool:
    changes = lab.changes(kinds, release)
    listed = changes.all() if everything else changes.needed()
    if listed:
        _out.print(
            "On this computer the lab will" if not everything else "The lab does on this computer:"
        )
    for change in listed:
        _out.print(f"  - {change.sentence} [down --purge: {change.undo}]", markup=False)
    return bool(listed)


def _print_status(lab: Lab) -> None:
    machines = lab.hosts()
    table = Table("rig", "kind", "release", "address", "state", "cards", box=None, pad_edge=False)
    for machine in machines:
        state = "running" if machine.is_running() else "stopped"
        about = (machine.kind.name, machine.release, machine.address, state, machine.shape.name)
        table.add_row(machine.name, *about)
    _out.print(table if machines else "no rigs")
    mirror = "serving" if lab.mirror.is_running() else "stopped"
    _out.print(f"apt mirror: {lab.settings.mirror_url} {mirror}")
    _out.print(f"fleet directory: {lab.fleet}")


def _become_root() -> None:
    """Start this command again under sudo when it does not run as root."""
    if os.geteuid() == 0:
        return
    kept = [f"{name}={value}" for name, value in os.environ.items() if name.startswith("B70_LAB_")]
    words = ["sudo", "env", f"PYTHONPATH={Path(__file__).parent.parent}", *kept]
    words += [sys.executable, "-m", "lab", *_arguments()]
    sys.stderr.write(f"lab: needs root: {shlex.join(words)}\n")
    os.execvp(words[0], words)


def _arguments() -> list[str]:
    """Return what stood behind `lab` on the command line."""
    words = sys.argv[1:]
    return words[words.index("lab") + 1 :] if "lab" in words else words
