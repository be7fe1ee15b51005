"""Facts of an imaginary host with GRUB and two kernels, and stand-ins for its boot tools.

The stand-ins write what the real tools write, into a tree of the test's own: GRUB's menu in
grub-mkconfig's layout, an initial RAM disk as a real cpio archive (newc).
"""

from __future__ import annotations

import os
import struct
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from uuid import UUID

from facts.boot.kernel import ModprobeXe, RunningKernel, XeModule
from facts.boot.kernel_files import KernelContents
from facts.boot.loader import Boot, BootFile, BootState, InstalledKernel, MenuEntry
from facts.parts import Line
from facts.value import ABSENT
from tests.unit.fact_frame import read, relocated

OLD = "7.0.0-31-generic"
NEW = "7.0.0-38-generic"
#: Second at which everything on the imaginary host was made.
MADE = 1_000_000
TOKENS = ("quiet", "xe.disable_display=1")

INITRD = (f"usr/lib/modules/{NEW}/kernel/drivers/gpu/drm/xe/xe.ko.zst",)
FIRMWARE = ("usr/lib/firmware/xe/bmg_guc_70.bin.zst",)


def running(release: str = OLD, tokens: tuple[str, ...] = ("quiet",), **changes: Any) -> Any:
    """Return a kernel that runs."""
    values: dict[str, Any] = {
        "release": release,
        "cmdline": " ".join(tokens),
        "tokens": tokens,
        "boot_id": "b",
        "xe": XeModule("Live", "", "S", {}),
        "modprobe": ModprobeXe({}, (), (), ()),
        "knows_b70": True,
        "secure_boot": False,
        "taint": 0,
        "lockdown": "none",
    }
    return RunningKernel(**{**values, **changes})


def kernel(release: str, *, package: Any = None, initrd: Any = None) -> InstalledKernel:
    """Return a kernel on disk with its initial RAM disk."""
    return InstalledKernel(
        release=release,
        image=BootFile(f"/boot/vmlinuz-{release}", 1, MADE),
        initrd=BootFile(f"/boot/initrd.img-{release}", 1, MADE) if initrd is None else initrd,
        modules=True,
        package=f"linux-image-{release}" if package is None else package,
    )


def entry(release: str, tokens: tuple[str, ...] = TOKENS, **changes: Any) -> MenuEntry:
    """Return the entry below "Advanced options" of a release."""
    values: dict[str, Any] = {
        "path": f"gnulinux-advanced-6f0b>gnulinux-{release}-advanced-6f0b",
        "title": f"Ubuntu, with Linux {release}",
        "kernel": f"/boot/vmlinuz-{release}",
        "tokens": ("root=UUID=6f0b", "ro", *tokens),
        "initrds": (f"/boot/initrd.img-{release}",),
    }
    return MenuEntry(**{**values, **changes})


def _entries(releases: Iterable[str]) -> tuple[MenuEntry, ...]:
    return tuple(entry(release) for release in sorted(releases, reverse=True))


def boot(
    kernels: Iterable[InstalledKernel] = (),
    entries: Any = None,
    saved: str = "",
    drop_ins: Mapping[str, str] | None = None,
    **changes: Any,
) -> BootState:
    """Return GRUB and the kernels on disk."""
    listed = {each.release: each for each in kernels} or {OLD: kernel(OLD), NEW: kernel(NEW)}
    values: dict[str, Any] = {
        "settings": {},
        "denied": (),
        "environment": {"saved_entry": saved},
        "entries": _entries(listed) if entries is None else entries,
        "kernels": listed,
        "kernel_packages": (),
        "free": ABSENT,
        "reboot_required": ABSENT,
        "lines": tuple(
            Line(path, number, text)
            for path, content in (drop_ins or {}).items()
            for number, text in enumerate(content.splitlines(), 1)
        ),
    }
    return BootState(**{**values, **changes})


#: What the script of the fact prints on a host with nothing in /boot.
_BARE: dict[str, str | tuple[str, str]] = {
    "settings": "",
    "grubenv": ("-", ""),
    "platform": "pc",
    "cmdline": ("-", ""),
    "places": "",
    "images": "",
    "scripts": "",
    "tools": "",
    "modules": "",
    "packages": "",
    "owners": "",
    "free": ("-", ""),
    "swap_files": "",
    "reboot_required": "",
}


def numbered(text: str) -> str:
    """Return what `grep -n ''` prints of a text."""
    return "".join(f"{number}:{line}\n" for number, line in enumerate(text.splitlines(), 1))


def dumped(block: str | bytes, kind: str = "file") -> str:
    """Return what the script prints of an environment block."""
    data = block.encode() if isinstance(block, str) else block
    return f"{kind}\n {data.hex(' ')}\n"


def boot_parts(
    menu: str | None = None,
    block: str | bytes | None = None,
    custom: str | None = None,
    **parts: str | tuple[str, str],
) -> dict[str, str | tuple[str, str]]:
    """Return what the script prints of a host with these files.

    Args:
        menu: grub.cfg.
        block: grubenv, all of it.
        custom: custom.cfg.
        parts: further parts, as the script prints them.
    """
    found = dict(_BARE)
    if block is not None:
        found["grubenv"] = dumped(block)
    for name, text in (("grub.cfg", menu), ("custom.cfg", custom)):
        if text is not None:
            found[f"menu:/boot/grub/{name}"] = numbered(text)
    return {**found, **parts}


def read_boot(
    menu: str | None = None,
    block: str | bytes | None = None,
    custom: str | None = None,
    **parts: str | tuple[str, str],
) -> BootState:
    """Return what the fact says of a host with these files."""
    found: BootState = read(Boot(), boot_parts(menu, block, custom, **parts))
    assert isinstance(found, BootState), found
    return found


def load_option_bytes(
    description: str, path: str | None, partition: str | None, *, active: bool = True
) -> bytes:
    """Return an EFI_LOAD_OPTION of a file on a partition, or of a network card."""
    nodes = b""
    if partition is not None:
        drive = struct.pack("<IQQ", 1, 2048, 1048576) + UUID(partition).bytes_le + b"\x02\x02"
        nodes += struct.pack("<BBH", 4, 1, 4 + len(drive)) + drive
    if path is None:
        nodes += struct.pack("<BBH", 3, 11, 4 + 33) + bytes(33)
    else:
        name = f"{path}\0".encode("utf-16-le")
        nodes += struct.pack("<BBH", 4, 4, 4 + len(name)) + name
    nodes += b"\x7f\xff\x04\0"
    head = struct.pack("<IH", int(active), len(nodes))
    return head + f"{description}\0".encode("utf-16-le") + nodes


def efi_variables(values: Mapping[str, bytes]) -> dict[str, str | tuple[str, str]]:
    """Return what the script of the EFI fact prints of these variables."""
    folder = "/sys/firmware/efi/efivars"
    listed = "".join(f"{len(data) + 4} {folder}/{name}-0\n" for name, data in values.items())
    whole = b"".join(b"\7\0\0\0" + data for data in values.values())
    return {"variables": listed, "bytes": f" {whole.hex(' ')}\n", "stubs": "", "menus": ""}


def contents(**changes: Any) -> KernelContents:
    """Return a kernel that knows the card and whose initial RAM disk is complete."""
    values: dict[str, Any] = {
        "knows_b70": True,
        "modules": ("/lib/modules/x/xe.ko",),
        "initrd": (*INITRD, *FIRMWARE),
        "initrd_count": 812,
    }
    return KernelContents(**{**values, **changes})


_UPDATE_GRUB = r"""#!/bin/sh
. "$ROOT/etc/default/grub"
args="$GRUB_CMDLINE_LINUX $GRUB_CMDLINE_LINUX_DEFAULT"
q="'"
one() {
  printf "%smenuentry ${q}Debian%s${q} --class os \$menuentry_id_option ${q}%s${q} {\n" \
    "$1" "$2" "$3"
  printf '%s\trecordfail\n%s\tlinux\t/boot/vmlinuz-%s root=UUID=6f0b ro %s\n' "$1" "$1" "$4" "$5"
  if [ -e "$ROOT/boot/initrd.img-$4" ]; then
    printf '%s\tinitrd\t/boot/initrd.img-%s\n' "$1" "$4"
  fi
  printf '%s}\n' "$1"
}
{
  set -- $(ls "$ROOT/boot" | sed -n 's/^vmlinuz-//p' | sort -rV)
  one '' '' gnulinux-simple-6f0b "$1" "$args"
  printf "submenu ${q}Advanced options for Debian${q} \$menuentry_id_option ${q}%s${q} {\n" \
    gnulinux-advanced-6f0b
  for r do
    one "	" ", with Linux $r" "gnulinux-$r-advanced-6f0b" "$r" "$args"
    one "	" ", with Linux $r (recovery mode)" "gnulinux-$r-recovery-6f0b" "$r" "single nomodeset"
  done
  echo '}'
} >"$ROOT/boot/grub/grub.cfg"
"""

_SET_DEFAULT = """#!/bin/sh
printf '# GRUB Environment Block\\nsaved_entry=%s\\n' "$1" >"$ROOT/boot/grub/grubenv"
"""
_EDITENV = """#!/bin/sh
grep -v '^#' "$ROOT/boot/grub/grubenv"
"""

#: update-initramfs, lsinitramfs and unmkinitramfs over one real cpio archive in newc form.
_CPIO = """#!{python}
import os, sys
from pathlib import Path
root, name, words = Path(os.environ["ROOT"]), Path(sys.argv[0]).name, sys.argv[1:]
def pack(members):
    out = b""
    for number, (path, data) in enumerate([*members, ("TRAILER!!!", b"")]):
        last = path == "TRAILER!!!"
        mode = 0 if last else 0o100644
        fields = [number, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(path) + 1, 0]
        head = b"070701" + b"".join(b"%08X" % field for field in fields) + path.encode() + b"\\0"
        out += head + b"\\0" * (-len(head) % 4) + data + b"\\0" * (-len(data) % 4)
    return out
def unpack(data):
    at = 0
    while True:
        fields = [int(data[at + 6 + 8 * i : at + 14 + 8 * i], 16) for i in range(13)]
        path = data[at + 110 : at + 110 + fields[11] - 1].decode()
        body = at + (110 + fields[11] + 3) // 4 * 4
        if path == "TRAILER!!!":
            return
        yield path, data[body : body + fields[6]]
        at = body + (fields[6] + 3) // 4 * 4
if name == "update-initramfs":
    release = words[words.index("-k") + 1]
    image = root / "boot" / ("initrd.img-" + release)
    if image.exists() != ("-u" in words):
        sys.exit("wrong verb " + " ".join(words))
    if (root / "etc/initramfs-tools/update-initramfs.conf").exists():
        sys.exit(0)
    hook = root / "etc/initramfs-tools/hooks/b70fleet-xe"
    members = [("usr/bin/busybox", b"b" * 9)]
    if hook.exists():
        modules = (root / "lib/modules" / release).glob("**/xe.ko*")
        for file in [*modules, *(root / "lib/firmware/xe").glob("*")]:
            members.append((str(Path("usr") / file.relative_to(root)), file.read_bytes()))
    image.write_bytes(pack(members))
elif name == "lsinitramfs":
    print("\\n".join(path for path, _ in unpack(Path(words[0]).read_bytes())))
elif name == "unmkinitramfs":
    for path, data in unpack(Path(words[0]).read_bytes()):
        (Path(words[1]) / path).parent.mkdir(parents=True, exist_ok=True)
        (Path(words[1]) / path).write_bytes(data)
"""


#: A sync that fails as on a disk with errors.
SICK_DISK = "#!/bin/sh\necho 'sync: Input/output error' >&2\nexit 1\n"


class BootRoot:
    """A tree with /boot, /etc/default/grub and the tools above.

    Args:
        folder: where it is made.
    """

    def __init__(self, folder: Path) -> None:
        self.root = folder / "root"
        self.tools = folder / "tools"
        self.tools.mkdir(parents=True)
        texts = {"update-grub": _UPDATE_GRUB, "grub-set-default": _SET_DEFAULT}
        cpio = _CPIO.replace("{python}", sys.executable)
        texts |= {"grub-editenv": _EDITENV, "sync": "#!/bin/sh\n"}
        texts |= dict.fromkeys(("update-initramfs", "lsinitramfs", "unmkinitramfs"), cpio)
        for name, text in texts.items():
            self.tool(name, text)
        self.plant("etc/default/grub", 'GRUB_DEFAULT=saved\nGRUB_CMDLINE_LINUX_DEFAULT="quiet"\n')
        self.plant("boot/grub/grub.cfg", "")
        for release in (OLD, NEW):
            self.plant(f"boot/vmlinuz-{release}", "k")
            self.plant(f"boot/initrd.img-{release}", "i")

    def tool(self, name: str, text: str) -> None:
        """Put a program into the path."""
        (self.tools / name).write_text(text)
        (self.tools / name).chmod(0o755)

    def plant(self, name: str, content: str | bytes) -> Path:
        """Write a file below the root."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def run(self, command: Any) -> subprocess.CompletedProcess[str]:
        """Run a command of an operation against the tree."""
        text = relocated(
            command.get_raw_value(), self.root, "/boot", "/etc", "/lib", "/var", "/srv"
        )
        path = f"{self.tools}:{os.environ['PATH']}"
        return subprocess.run(
            ["sh", "-c", text],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
            env={**os.environ, "ROOT": str(self.root), "PATH": path},
        )

    def boot(self) -> BootState:
        """Return what the fact would make of the tree's menu and environment."""
        environment = self.root / "boot/grub/grubenv"
        return read_boot(
            (self.root / "boot/grub/grub.cfg").read_text(),
            environment.read_bytes() if environment.exists() else None,
        )
