"""A tree of the test's own with /boot and GRUB's files, and stand-ins for the tools around them.

The programs for boot sets run as they are, their paths moved into the tree. awk, od, stat, dd, cpio
and gzip are this machine's; grub-editenv too, where there is one. The stand-ins do what the real
tools do to files, and no more.
"""

from __future__ import annotations

import gzip
import hashlib
import lzma
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from deploys.boot.texts import text_of
from tests.unit.boot_facts import NEW, OLD

#: Folders of a host that lie in the tree.
_FOLDERS = re.compile(r"(?<![\w/.}*)\\])/(boot|etc|lib|srv|sys|usr/share|run)(?=[/\s'\"]|$)", re.M)
#: Every awk of this machine, as what stands behind the name `awk`.
AWKS = [
    *(name for name in ("mawk", "gawk", "original-awk") if shutil.which(name)),
    *(["busybox awk"] if shutil.which("busybox") else []),
]
#: What may stand behind a host's /bin/sh.
HOST_SHELLS = [
    ["dash" if shutil.which("dash") else "sh"],
    *([["busybox", "sh"]] if shutil.which("busybox") else []),
]
#: A sync that fails as on a disk with errors.
SICK_DISK = "#!/bin/sh\necho 'sync: Input/output error' >&2\nexit 1\n"

#: What grub-mkconfig does: every script that is executable, in the order of names, into the file
#: that is named last, by way of one beside it.
_MKCONFIG = r"""#!/bin/sh
[ "$1" = -o ] || exit 64
menu=$2
exec >"$menu.new"
for script in "$ROOT"/etc/grub.d/*; do
  [ -x "$script" ] || continue
  echo "### BEGIN /etc/grub.d/${script##*/} ###"
  "$script" || exit 1
  echo "### END /etc/grub.d/${script##*/} ###"
done
cat "$menu.new" >"$menu" && rm "$menu.new"
"""
#: grub-editenv over a block of 1024 bytes: GRUB cannot make a file longer.
_EDITENV = """#!{python} -IS
import sys
from pathlib import Path
path, command, *words = Path(sys.argv[1]), *sys.argv[2:]
HEAD, SIZE = "# GRUB Environment Block\\n", 1024
def fail(why):
    sys.exit("grub-editenv: error: " + why)
def load():
    data = path.read_bytes().decode()
    if len(data) < len(HEAD) or not data.startswith(HEAD):
        fail("invalid environment block.")
    lines = [line for line in data.split("\\n") if line and line[0] != "#"]
    return dict(line.split("=", 1) for line in lines)
def save(found):
    text = HEAD + "".join(name + "=" + value + "\\n" for name, value in found.items())
    if len(text) > SIZE:
        fail("environment block too small.")
    path.write_text(text + "#" * (SIZE - len(text)))
if command == "create":
    save({})
    sys.exit()
if not path.exists():
    fail("cannot open `" + str(path) + "': No such file or directory.")
found = load()
if command == "list":
    print("".join(name + "=" + value + "\\n" for name, value in found.items()), end="")
elif command == "set":
    save({**found, **dict(word.split("=", 1) for word in words)})
elif command == "unset":
    save({name: value for name, value in found.items() if name not in words})
"""
_DPKG_QUERY = """#!/bin/sh
for name; do :; done
line=$(grep "^$name " "$ROOT/packages" 2>/dev/null) || exit 1
printf '%s' "${line#* }"
"""
_MODINFO = """#!/bin/sh
for file in "$ROOT/lib/modules/$2"/xe.ko*; do
  [ -e "$file" ] || { echo "modinfo: ERROR: Module xe not found." >&2; exit 1; }
  echo "$file"
done
"""
#: mkinitramfs with what it runs of the hooks, and a real cpio archive.
_MKINITRAMFS = r"""#!/bin/sh
[ "$1" = -o ] || exit 64
export version="$3" DESTDIR="$ROOT/tmp/destdir"
rm -rf "$DESTDIR"; mkdir -p "$DESTDIR/usr/bin" "$DESTDIR/scripts/init-top"
echo busybox >"$DESTDIR/usr/bin/busybox"
for hook in "$ROOT"/etc/initramfs-tools/hooks/*; do
  [ ! -x "$hook" ] || "$hook" || exit 1
done
for script in "$ROOT"/etc/initramfs-tools/scripts/init-top/*; do
  [ ! -x "$script" ] || cp "$script" "$DESTDIR/scripts/init-top/"
done
(cd "$DESTDIR" && find . | cpio -o -H newc --quiet) >"$2"
"""
_HOOK_FUNCTIONS = r"""
manual_add_modules() {
  for file in "$ROOT/lib/modules/$version/$1".ko*; do
    [ ! -e "$file" ] || copy_file module "$file"
  done
}
copy_file() {
  mkdir -p "$DESTDIR/${2%/*}" && cp "$2" "$DESTDIR/$2"
}
"""
_UNMKINITRAMFS = """#!/bin/sh
cd "$2" && cpio -i -d --quiet <"$1"
"""


#: xz and zstd as the programs call them: no machine has to have them. The first reads true xz;
#: the frames of the second are its magic number and the content as it is.
_XZ = """#!{python}
import lzma, sys
sys.stdout.buffer.write(lzma.decompress(open(sys.argv[-1], "rb").read(), lzma.FORMAT_XZ))
"""
_ZSTD = """#!{python}
import sys
data = open(sys.argv[-1], "rb").read()
if data[:4] != bytes.fromhex("28b52ffd"):
    sys.exit("zstd: unsupported format")
sys.stdout.buffer.write(data[4:])
"""
PACKERS: dict[str, Callable[[bytes], bytes]] = {
    ".xz": lzma.compress,
    ".gz": gzip.compress,
    ".zst": lambda data: bytes.fromhex("28b52ffd") + data,
}


def packed(path: Path, suffix: str) -> Path:
    """Write a file packed beside itself, and return that one.

    Args:
        path: the file.
        suffix: `.xz`, `.gz` or `.zst`.
    """
    beside = path.with_name(path.name + suffix)
    beside.write_bytes(PACKERS[suffix](path.read_bytes()))
    return beside


def _python(text: str) -> str:
    return text.replace("{python}", sys.executable)


class BootRoot:
    """A tree with /boot, GRUB's files, two kernels and the tools above.

    Args:
        folder: where it is made.
        shell: what runs the programs.
        awk: what stands behind the name `awk`; empty = this machine's.
    """

    def __init__(self, folder: Path, shell: Sequence[str] = HOST_SHELLS[0], awk: str = "") -> None:
        self.root = folder / "root"
        self.tools = folder / "tools"
        self.shell = shell
        self.tools.mkdir(parents=True)
        texts = {
            "grub-mkconfig": _MKCONFIG,
            "dpkg-query": _DPKG_QUERY,
            "modinfo": _MODINFO,
            "mkinitramfs": _MKINITRAMFS,
            "unmkinitramfs": _UNMKINITRAMFS,
            "sync": "#!/bin/sh\n",
            "xz": _python(_XZ),
            "zstd": _python(_ZSTD),
            "blkid": "#!/bin/sh\nexit 2\n",
        }
        if shutil.which("grub-editenv") is None:
            texts["grub-editenv"] = _python(_EDITENV)
        if awk:
            texts["awk"] = f'#!/bin/sh\nexec {awk} "$@"\n'
        for name, text in texts.items():
            self.tool(name, text)
        self.plant("usr/share/initramfs-tools/hook-functions", _HOOK_FUNCTIONS)
        self.plant("etc/fstab", "")
        self.plant("packages", "")
        (self.root / "tmp").mkdir()
        (self.root / "boot/grub").mkdir(parents=True)
        for release in (OLD, NEW):
            self.plant(f"boot/vmlinuz-{release}", f"kernel {release}")
            self.plant(f"boot/initrd.img-{release}", f"initrd {release}")
            self.plant(f"lib/modules/{release}/xe.ko", f"xe {release}")
            self.install(f"linux-image-{release}", "1")

    def tool(self, name: str, text: str) -> None:
        """Put a program into the path."""
        (self.tools / name).write_text(text)
        (self.tools / name).chmod(0o755)

    def plant(self, name: str, content: str | bytes, mode: int = 0o644) -> Path:
        """Write a file below the root."""
        path = self.root / name.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        path.chmod(mode)
        return path

    def install(self, package: str, version: str) -> None:
        """Give a package a version."""
        path = self.root / "packages"
        lines = [line for line in path.read_text().split("\n") if line.split(" ")[0] != package]
        path.write_text("\n".join([*lines, f"{package} installed {version}", ""]))

    def remove(self, name: str) -> None:
        """Remove a file or a folder below the root."""
        path = self.root / name.lstrip("/")
        shutil.rmtree(path) if path.is_dir() else path.unlink()

    def read(self, name: str) -> str:
        """Return the text of a file below the root."""
        return (self.root / name.lstrip("/")).read_text()

    def program(self, name: str, at: str) -> Path:
        """Put one of the programs for boot sets into the tree.

        Args:
            name: file beside deploys/boot.
            at: where it lies on a host.
        """
        return self.plant(at, self.moved(f"#!/bin/sh\n{text_of(name)}"), 0o755)

    def moved(self, text: str) -> str:
        """Return a text whose paths lie in the tree."""
        return _FOLDERS.sub(rf"{self.root}/\1", text)

    def call(
        self, *words: str | Path, stdin: str = "", env: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a program against the tree; what it says names paths as on a host."""
        path = f"{self.tools}:{os.environ['PATH']}"
        done = subprocess.run(
            [*self.shell, *map(str, words)],
            input=stdin,
            capture_output=True,
            text=True,
            errors="surrogateescape",
            check=False,
            timeout=60,
            env={**os.environ, "ROOT": str(self.root), "PATH": path, **(env or {})},
        )
        done.stdout = done.stdout.replace(str(self.root), "")
        done.stderr = done.stderr.replace(str(self.root), "")
        return done

    def run(self, command: Any) -> subprocess.CompletedProcess[str]:
        """Run a command of an operation against the tree."""
        return self.call("-c", self.moved(command.get_raw_value()))

    def update_grub(self) -> subprocess.CompletedProcess[str]:
        """Write the menu."""
        return self.call(self.tools / "grub-mkconfig", "-o", self.root / "boot/grub/grub.cfg")

    def make_set(self, name: str, release: str = NEW, lines: Sequence[str] = ()) -> Path:
        """Write a set with its manifest, as the product does it; return its folder.

        Args:
            name: the set.
            release: of its kernel.
            lines: further lines of the manifest.
        """
        folder = f"boot/b70fleet/{name}"
        text = ["format 1", f"id {name}", f"release {release}"]
        for each in ("vmlinuz", "initrd"):
            file = self.plant(f"{folder}/{each}", f"{each} of {name}")
            stat = file.stat()
            text.append(f"file {each} {sha256(file)} {stat.st_size} {int(stat.st_mtime)}")
        module = self.root / f"lib/modules/{release}/xe.ko"
        stat = module.stat()
        text.append(f"xe {sha256(module)} {stat.st_size} {int(stat.st_mtime)} {module}")
        self.plant(f"{folder}/manifest", "\n".join([*text, *lines, ""]))
        return self.root / folder


def sha256(path: Path) -> str:
    """Return the hash of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
