"""Debian package names and versions, as a declaration may write them."""

from __future__ import annotations

import re
from typing import Annotated

from declaration.patterns import matching

_PACKAGE = re.compile(r"^[a-z0-9][a-z0-9+.-]+$")
_GLOB = re.compile(r"^[a-z0-9*?\[][a-z0-9+.*?\[\]!-]*$")
#: Debian Policy 5.6.12
_VERSION = re.compile(r"^(\d+:)?\d[A-Za-z0-9.+~-]*$")


PackageName = Annotated[str, matching(_PACKAGE, "a Debian package name")]
PackageGlob = Annotated[
    str, matching(_GLOB, "a Debian package name or a glob over such names (linux-generic*)")
]
Version = Annotated[str, matching(_VERSION, "a Debian package version", empty=True)]
#: Debian package name -> exact version; empty = none was recorded, the source's snapshot decides.
Versions = dict[PackageName, Version]
