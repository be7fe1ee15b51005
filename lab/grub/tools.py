"""GRUB's tools in a folder of the lab, with the libraries that they were built for.

Fetched by an apt of its own against an empty status file, so that nothing is installed on this
computer, and run by the dynamic linker that came along: the same GRUB on every controller.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from lab import releases
from lab.errors import LabError
from lab.settings import Settings
from lab.shell import run
from lab.vm.kernels import Apt

_DATA: Final = Path(__file__).with_name("tools.yaml")
_LINKER: Final = "ld-linux-x86-64.so.2"
#: A library in what the dynamic linker lists: its name, which may be a whole path, and its file.
_LIBRARY: Final = re.compile(r"^\s*(\S+) => (\S+) \(", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Recipe:
    """What decides which tools these are (the archive's address and its day do not).

    Args:
        release: codename of the release that they come from.
        packages: what is fetched, with all that it depends on.
        programs: what is kept of it, beside the libraries that these programs load.
    """

    release: str
    packages: tuple[str, ...]
    programs: tuple[str, ...]

    @property
    def digest(self) -> str:
        """Return the name under which the tools are kept."""
        text = json.dumps(asdict(self), sort_keys=True)
        return f"grub-{hashlib.sha256(text.encode()).hexdigest()[:16]}"


class GrubTools:
    """The GRUB of a lab.

    Args:
        settings: the lab.
    """

    def __init__(self, settings: Settings) -> None:
        self._images = settings.images
        data: dict[str, Any] = yaml.safe_load(_DATA.read_text())
        self.recipe = Recipe(str(data["release"]), tuple(data["packages"]), tuple(data["programs"]))

    @property
    def folder(self) -> Path:
        """Return where the tools lie, fetched or not: programs in `bin`, libraries in `lib`."""
        return self._images / self.recipe.digest

    def is_there(self) -> bool:
        """Return True if the tools are complete."""
        return (self.folder / "recipe.json").exists()

    def command(self, name: str, *args: str) -> list[str]:
        """Return the words that run a program such as `grub-emu`.

        Args:
            name: of the program.
            args: its arguments.
        """
        library = self.folder / "lib"
        linker = [str(library / _LINKER), "--library-path", str(library)]
        return [*linker, str(self.folder / "bin" / name), *args]

    def ensure(self, say: Callable[[str], None]) -> None:
        """Fetch the tools unless they are there; the caller keeps others from doing it meanwhile.

        Args:
            say: gets one line per step.

        Raises:
            LabError: the archive or its key cannot be reached, or a program lacks a library.
        """
        if self.is_there():
            return
        partial = self.folder.with_suffix(".partial")
        shutil.rmtree(partial, ignore_errors=True)
        root = partial / "root"
        root.mkdir(parents=True)
        say(f"GRUB tools: {', '.join(self.recipe.packages)} of {self.recipe.release}")
        (partial / "status").touch()
        apt = Apt(partial / "apt", partial / "status")
        apt.update([_archive_line(self.recipe)])
        for package in apt.with_dependencies(self.recipe.packages):
            run(["dpkg-deb", "--extract", str(package), str(root)])
        _keep(root, partial, self.recipe.programs)
        for scratch in ("apt", "root"):
            shutil.rmtree(partial / scratch)
        (partial / "status").unlink()
        (partial / "recipe.json").write_text(json.dumps(asdict(self.recipe), indent=1))
        partial.rename(self.folder)


def libraries(listing: str, root: Path) -> dict[str, Path]:
    """Return the libraries that a program loads: bare file name -> file below `root`.

    Args:
        listing: what the dynamic linker says to `--list`.
        root: unpacked tree.

    Raises:
        LabError: a library is not in the tree.
    """
    found = {Path(name).name: Path(file).resolve() for name, file in _LIBRARY.findall(listing)}
    found.pop(_LINKER, None)  # listed by the path that the program wants; ours runs it
    missing = sorted(name for name, file in found.items() if root.resolve() not in file.parents)
    if missing or "not found" in listing:
        raise LabError(f"the GRUB tools lack libraries: {', '.join(missing) or listing}")
    return found


def _archive_line(recipe: Recipe) -> str:
    """Return the sources.list line of the tools' release.

    Raises:
        LabError: the key of its archive is not on this computer.
    """
    release = releases.named(recipe.release)
    origin = releases.origin(release)
    if not Path(origin.keyring).exists():
        raise LabError(f"{origin.keyring} is missing", "apt-get install debian-archive-keyring")
    components = " ".join(releases.distributions()[release.distribution].components)
    return f"deb [signed-by={origin.keyring}] {origin.mirror} {release.codename} {components}\n"


def _keep(root: Path, folder: Path, programs: Sequence[str]) -> None:
    """Copy programs and the libraries that they load out of an unpacked tree."""
    for name in ("bin", "lib"):
        (folder / name).mkdir()
    # lib64 has a link of this name that leads out of the tree, to this computer's
    linker = next(path for path in root.rglob(_LINKER) if not path.is_symlink())
    shutil.copy2(linker, folder / "lib" / _LINKER)
    places = sorted({str(path.parent) for path in root.rglob("*.so*")})
    for program in programs:
        words = [str(linker), "--inhibit-cache", "--library-path", ":".join(places), "--list"]
        listing = run([*words, str(root / program)]).stdout
        for name, file in libraries(listing, root).items():
            shutil.copy2(file, folder / "lib" / name)
        shutil.copy2(root / program, folder / "bin" / Path(program).name)
