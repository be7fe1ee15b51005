"""The apt layer: sources with pinned keys, one origin per package, fresh lists.

Runs before every layer that installs something. A key is checked before anything is written.
"""

from __future__ import annotations

import hashlib
import json
from typing import Final

from pyinfra import host

from declaration.host import HostSpec
from declaration.onhost import APT_LISTS
from declaration.secret import Secret
from deploys.apt_files import KEYRINGS, SourceFile, files, paths, source_path, strays
from deploys.layer import declaration, deploy
from facts.packages.apt_sources import AptSources
from facts.reader import read
from operations.apt.apt_foreign import replaced_source, sole_sources
from operations.apt.apt_lists import apt_lists
from operations.apt.apt_repository import Repository
from operations.apt.dpkg import dpkg_configured
from operations.files.file import absent, directory, file
from operations.require import require

#: Folder of this layer's marks.
STATE: Final = APT_LISTS.rpartition("/")[0]


@deploy("apt")
def apt() -> None:
    """Declare the apt layer of the current host."""
    spec = declaration()
    wait = spec.apt.lock_timeout_s
    wanted = {
        name: files(name, source, host.data.secrets)
        for name, source in sorted(spec.apt.sources.items())
    }
    archives = repositories(spec)
    replaced = sorted({path for source in spec.apt.sources.values() for path in source.replaces})

    dpkg_configured(lock_timeout_s=wait, name="Dpkg[configured]")
    directory(path=KEYRINGS, name=f"Directory[{KEYRINGS}]")
    directory(path=STATE, name=f"Directory[{STATE}]")
    left = strays(_present(), wanted)
    for name in left:
        for path in paths(name):
            absent(path=path, name=f"File[{path}]")
    for path in replaced:
        replaced_source(path=path, repositories=archives, name=f"File[{path}]")
    for name, source_files in wanted.items():
        for path in sorted({*paths(name)} - {item.path for item in source_files}):
            absent(path=path, name=f"File[{path}]")
        for item in source_files:
            file(
                path=item.path,
                content=item.content,
                mode=item.mode,
                sensitive=isinstance(item.content, Secret),
                name=f"File[{item.path}]",
            )
    sole_sources(
        repositories=archives,
        own=[source_path(name) for name in (*wanted, *left)],
        replaced=replaced,
        name="AptSources[each declared once]",
    )
    apt_lists(
        purpose=purpose(spec, wanted),
        repositories=archives,
        lock_timeout_s=wait,
        name="AptLists[fresh]",
    )


def repositories(spec: HostSpec) -> list[Repository]:
    """Return the declared repositories."""
    return [
        Repository(name, source.addresses, source.suites, source.aliases)
        for name, source in sorted(spec.apt.sources.items())
    ]


def purpose(spec: HostSpec, wanted: dict[str, tuple[SourceFile, ...]]) -> str:
    """Return a digest of the sources and of what is wanted from them; no secret goes into it."""
    sources = {
        item.path: item.content
        for source_files in wanted.values()
        for item in source_files
        if isinstance(item.content, str)
    }
    packages = {
        "base": sorted(spec.base.packages),
        "stack": spec.stack.model_dump(mode="json") if spec.stack else None,
    }
    text = json.dumps([sources, packages], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _present() -> tuple[str, ...]:
    """Return the paths of all sources and preferences files on the host.

    Raises:
        OperationError: they are UNKNOWN.
    """
    state = require(read(AptSources), "state of apt's sources")
    return tuple(dict.fromkeys([*(source.file for source in state.sources), *state.preferences]))
