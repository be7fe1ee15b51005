"""Debian package names and versions, as a declaration may write them.

apt reads a name with more rules than dpkg: a sign behind it removes, a pattern means every match, a
dash before it is an option. Whatever would mean more than one package is refused here.
"""

from __future__ import annotations

import re
from typing import Annotated, Final, Literal, get_args

from pydantic import AfterValidator

from declaration.patterns import matching

#: Debian Policy 5.6.7, without names that end in a sign which apt takes for an order.
_PACKAGE = re.compile(r"^[a-z0-9][a-z0-9+.-]*[a-z0-9+.]$")
_GLOB = re.compile(r"^[a-z0-9*?\[][a-z0-9+.*?\[\]!-]*$")
#: Debian Policy 5.6.12
_VERSION = re.compile(r"^(\d+:)?\d[A-Za-z0-9.+~-]*$")
#: `.*`, `.+` and repeated sets are regular expressions. A glob has its dot behind a digit (`6.*`).
_EXPRESSION: Final = re.compile(r"(?<![0-9])\.\*|\.\+|\][*+]?\+")
#: A set of a glob, such as `[0-9]`.
_SET: Final = re.compile(r"\[!?[a-z0-9+.-]+\]")

#: Debian's name of an architecture. apt accepts an unknown one and fetches nothing for it.
Architecture = Literal[
    "amd64", "arm64", "armel", "armhf", "i386", "loong64", "mips64el", "ppc64el", "riscv64", "s390x"
]
_ARCHITECTURES: Final = frozenset(get_args(Architecture))


def _request(value: str) -> str:
    name, colon, arch = value.partition(":")
    if value.startswith("-"):
        raise ValueError(f"{value!r} is an option of apt, no package")
    if name.endswith("-"):
        raise ValueError(f"{value!r}: apt would remove {name.rstrip('-')}; write no sign behind it")
    if set(value) & set("*?[]^$()|"):
        raise ValueError(f"{value!r} is a pattern: apt would install every match; write the names")
    if "=" in value or "/" in value:
        raise ValueError(
            f"{value!r}: neither a version nor a release nor a file can be given here, "
            "only the package's name"
        )
    if colon and arch not in _ARCHITECTURES:
        raise ValueError(f"{value!r}: {arch!r} is no architecture (such as amd64)")
    if not _PACKAGE.match(name):
        raise ValueError(f"{value!r} is not a Debian package name")
    return value


def _glob(value: str) -> str:
    if not _GLOB.match(value):
        raise ValueError(
            f"{value!r} is not a Debian package name or a glob over such names (linux-generic*)"
        )
    if _EXPRESSION.search(value):
        meant = re.sub(r"\.[*+]", "*", value)
        raise ValueError(
            f"{value!r} looks like a regular expression; this is a glob, in which * alone means "
            f"any text ({meant})"
        )
    if set("[]") & set(_SET.sub("", value)):
        raise ValueError(f"{value!r} has a bracket that begins or ends no set of characters")
    if value.endswith("-"):
        raise ValueError(f"{value!r} ends in '-', which no package name does (write * behind it)")
    return value


PackageName = Annotated[str, matching(_PACKAGE, "a Debian package name")]
#: What to install: a name, perhaps with `:arch` behind it.
PackageRequest = Annotated[str, AfterValidator(_request)]
PackageGlob = Annotated[str, AfterValidator(_glob)]
Version = Annotated[str, matching(_VERSION, "a Debian package version", empty=True)]
#: Debian package name -> exact version; empty = none was recorded, the source's snapshot decides.
Versions = dict[PackageName, Version]
