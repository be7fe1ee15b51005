"""Where packages come from: sources with pinned keys, one origin per package.

What apt parses as a whole is checked by apt's rules here (sources.list(5)): one wrong entry stops
every apt command of a host.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import combinations
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from declaration.base import Declared
from declaration.globs import overlap
from declaration.package import Architecture
from declaration.patterns import matching
from declaration.secret import SecretRef

_FINGERPRINT = re.compile(r"^[0-9A-F]{40}$")
#: what apt accepts as the name of a file in preferences.d
_SOURCE_NAME = re.compile(r"^[a-z0-9][a-z0-9-]*$")
_PACKAGES = re.compile(r"^[a-z0-9*?][a-z0-9+.*?-]*$")
#: what apt takes as a suite or a component: `noble-updates`, `./`, `$(ARCH)/`, `main/debug`
_WORD = re.compile(r"^[A-Za-z0-9._/$][A-Za-z0-9._/$()+~:-]*$")
_URI = re.compile(r"^(https?|file|mirror\+https?|mirror\+file):[!-?A-~]+$")
#: one field of auth.conf (apt_auth.conf(5)), which knows no quotes
_LOGIN = re.compile(r"^[!-~]+$")
#: `Pin: release o=...` (apt_preferences(5)): a comma ends it, and it may be a glob or /expression/
_ORIGIN = re.compile(r"^[^,*?\[\]/\n\r][^,*?\[\]\n\r]*$")
_FOREIGN_FILE = re.compile(r"^/etc/apt/sources\.list(\.d/[A-Za-z0-9_.-]+\.(list|sources))?$")


def _fingerprint(value: str) -> str:
    compact = value.replace(" ", "").upper()
    if not _FINGERPRINT.match(compact):
        raise ValueError(f"{value!r} is not a 40-digit OpenPGP fingerprint")
    return compact


def _uri(value: str) -> str:
    if not _URI.match(value):
        raise ValueError(f"{value!r} is not an URI for apt (a login belongs into `login:`)")
    try:
        parts = urlsplit(value)
        parts.port  # noqa: B018 - reading it checks it
    except ValueError as error:
        raise ValueError(f"{value!r} is not an URI for apt: {error}") from error
    if parts.scheme.endswith(("http", "https")):
        if not parts.hostname:
            raise ValueError(f"{value!r} names no host (https://HOST/PATH)")
    elif not parts.path.startswith("/"):
        raise ValueError(f"{value!r} is no absolute path (file:///PATH)")
    return value


def _distinct(values: tuple[str, ...]) -> tuple[str, ...]:
    twice = next((value for value in values if values.count(value) > 1), "")
    if twice:
        raise ValueError(f"{twice!r} is there twice")
    return values


def _foreign_file(value: str) -> str:
    if not _FOREIGN_FILE.match(value) or "/b70fleet-" in value:
        raise ValueError(f"{value!r} is not a file of somebody else's apt sources")
    return value


#: OpenPGP v4 fingerprint, 40 hex digits, upper case.
Fingerprint = Annotated[str, AfterValidator(_fingerprint)]
#: No white space: it stands in a space-separated field of a deb822 file.
Word = Annotated[str, matching(_WORD, "the name of a suite or component of an archive")]
Uri = Annotated[str, AfterValidator(_uri)]
#: Package name with `*` and `?`.
PackagePattern = Annotated[str, matching(_PACKAGES, "a package name or pattern")]
#: A sources file that this tool did not write.
ForeignFile = Annotated[str, AfterValidator(_foreign_file)]
SourceName = Annotated[
    str, matching(_SOURCE_NAME, "a source name (lower-case letters, digits, '-')")
]


class AptKey(Declared):
    """A repository key: the bytes travel with the fleet, the fingerprint is the promise."""

    fingerprint: Fingerprint
    #: ASCII-armoured public key file, relative to the fleet directory
    file: str = ""
    #: the key itself, ASCII-armoured, filled in by the loader from `file` (or written inline)
    armored: str = ""
    #: where a person gets the file; nothing is ever fetched from there by itself
    url: str = ""


class AptSource(Declared):
    """One deb822 source."""

    #: `{snapshot}` stands for the snapshot id
    uris: tuple[Uri, ...] = Field(min_length=1)
    #: one that ends in "/" is the path of a flat archive, which has no components
    suites: Annotated[tuple[Word, ...], AfterValidator(_distinct)] = Field(min_length=1)
    components: Annotated[tuple[Word, ...], AfterValidator(_distinct)] = ()
    types: tuple[Literal["deb", "deb-src"], ...] = Field(default=("deb",), min_length=1)
    architectures: tuple[Architecture, ...] = Field(default=("amd64",), min_length=1)
    key: AptKey
    #: the same id on every host and in every wave, so that hosts never diverge
    snapshot: str = Field(default="", pattern=r"^[0-9A-Za-z._-]*$")
    #: `Origin:` of the Release file, used for pinning; empty = pin by the host name of the URIs
    origin: Annotated[str, matching(_ORIGIN, "an origin that a pin can name", empty=True)] = ""
    #: packages (globs) that may come from this source; from no other
    owns: tuple[PackagePattern, ...] = ()
    #: other addresses of the same repository, such as the live archive of a snapshot
    aliases: tuple[Uri, ...] = ()
    #: files in which other tools declare this repository; removed, since a second declaration with
    #: another key stops apt, and one of the live archive undoes the snapshot
    replaces: tuple[ForeignFile, ...] = ()
    #: for a private mirror: written to auth.conf.d, mode 0600
    login: Annotated[str, matching(_LOGIN, "a login without white space", empty=True)] = ""
    password: SecretRef | None = None

    @property
    def addresses(self) -> tuple[str, ...]:
        """Return the URIs with the snapshot id filled in."""
        return tuple(uri.replace("{snapshot}", self.snapshot) for uri in self.uris)

    @model_validator(mode="after")
    def _components_fit_the_suites(self) -> AptSource:
        flat = [suite for suite in self.suites if suite.endswith("/")]
        named = [suite for suite in self.suites if not suite.endswith("/")]
        if flat and named:
            raise ValueError(
                f"the suite {flat[0]!r} is the path of a flat archive and {named[0]!r} is none; "
                "make them two sources"
            )
        if flat and self.components:
            raise ValueError(
                f"the suite {flat[0]!r} ends in '/': a flat archive has no components; "
                f"take away components: [{', '.join(self.components)}]"
            )
        if named and not self.components:
            raise ValueError(
                f"components are missing: the suite {named[0]!r} needs them (such as main); "
                "a flat archive's suite ends in '/'"
            )
        return self

    @model_validator(mode="after")
    def _a_login_has_a_password(self) -> AptSource:
        if bool(self.login) is not (self.password is not None):
            one, other = ("login", "password") if self.login else ("password", "login")
            raise ValueError(f"{other} is missing: {one} is given, apt needs both or none")
        return self

    @model_validator(mode="after")
    def _a_pin_can_name_it(self) -> AptSource:
        hosts = {urlsplit(uri).hostname for uri in self.uris}
        if self.owns and not self.origin and (len(hosts) != 1 or None in hosts):
            raise ValueError(
                "origin is missing: packages are owned, and the URIs name no single host that a "
                "pin could name in its place"
            )
        return self

    @model_validator(mode="after")
    def _snapshot_is_used(self) -> AptSource:
        uses = any("{snapshot}" in uri for uri in self.uris)
        if uses and not self.snapshot:
            raise ValueError("an URI contains {snapshot} but no snapshot id is given")
        return self


class Apt(Declared):
    """All third-party sources of a host, by name."""

    sources: dict[SourceName, AptSource] = Field(default_factory=dict)
    #: seconds to wait for another dpkg or apt to finish; Ansible's default is 60
    lock_timeout_s: int = Field(default=300, ge=0, le=3600)

    @model_validator(mode="after")
    def _one_owner_per_package(self) -> Apt:
        conflicts = shared_packages({name: source.owns for name, source in self.sources.items()})
        if conflicts:
            raise ValueError("; ".join(conflicts))
        return self


def shared_packages(owns: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    """Return a sentence for every package that two sources claim: it would have no single origin.

    Args:
        owns: source name -> package patterns.
    """
    return tuple(
        f"{mine} of {left} and {theirs} of {right} mean the same package; one source must own it"
        for left, right in combinations(sorted(owns), 2)
        for mine in owns[left]
        for theirs in owns[right]
        if overlap(mine, theirs)
    )
