"""Options of the xe module: one file of our own, and proof that no other one overrules it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath

from pyinfra.api.exceptions import OperationError

from facts.boot.kernel import Kernel, ModprobeXe
from facts.reader import read
from operations.files.file import absent, file
from operations.operation import Commands, operation
from operations.require import require


@operation()
def modprobe_options(path: str, banner: str, options: Mapping[str, str]) -> Commands:
    """Keep the options of xe in one file of modprobe.d; without any, the file is away.

    + path: the file
    + banner: its first line
    + options: option -> value
    """
    running = require(read(Kernel), "what modprobe.d says")
    if options:
        _refuse_overrides(running.modprobe, path, options)
        yield from file._inner(path=path, content=content(banner, options))
    else:
        yield from absent._inner(path=path)


def content(banner: str, options: Mapping[str, str]) -> str:
    """Return the file."""
    words = " ".join(f"{name}={value}" for name, value in sorted(options.items()))
    return f"# {banner}\noptions xe {words}\n"


def _refuse_overrides(found: ModprobeXe, path: str, options: Mapping[str, str]) -> None:
    if found.denied:
        raise OperationError(f"{found.denied[0]} cannot be read, and it may overrule {path}")
    if found.blacklisted:
        raise OperationError(
            f"{', '.join(found.blacklisted)} keeps xe from being loaded; remove that line first"
        )
    for name, value in options.items():
        origin = found.origins.get(name, path)
        later = PurePosixPath(origin).name > PurePosixPath(path).name
        if later and found.options[name] != value:
            raise OperationError(
                f"{origin} sets {name}={found.options[name]} after {path}; remove that line, or "
                f"declare its value instead of {value}"
            )
