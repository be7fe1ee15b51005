"""Debian package names and versions, as a declaration may write them."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator

_PACKAGE = re.compile(r"^[a-z0-9][a-z0-9+.-]+$")
#: Debian Policy 5.6.12
_VERSION = re.compile(r"^(\d+:)?\d[A-Za-z0-9.+~-]*$")


def _package(value: str) -> str:
    if not _PACKAGE.match(value):
        raise ValueError(f"{value!r} is not a Debian package name")
    return value


def _version(value: str) -> str:
    if value and not _VERSION.match(value):
        raise ValueError(f"{value!r} is not a Debian package version")
    return value


PackageName = Annotated[str, AfterValidator(_package)]
Version = Annotated[str, AfterValidator(_version)]
#: Debian package name -> exact version; empty = none was recorded, the source's snapshot decides.
Versions = dict[PackageName, Version]
