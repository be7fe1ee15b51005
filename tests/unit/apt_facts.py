"""Values of the package and apt facts, as tests need them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import yaml

from declaration.stack import Stack
from facts.packages.apt_sources import AptSourceState, Source
from facts.packages.dpkg import LOADER, Loader, Package, PackageState
from facts.value import ABSENT
from tests.places import ROOT

STACKS = ROOT / "group_data" / "stacks"
LOADER_FILE = f"/usr/lib/x86_64-linux-gnu/{LOADER}"


def declared_stack(name: str) -> Stack:
    """Return a stack of the product."""
    return Stack.model_validate(yaml.safe_load((STACKS / f"{name}.yaml").read_text())["stack"])


def package_facts(
    versions: Mapping[str, str],
    *,
    holds: Iterable[str] = (),
    owners: Iterable[str] = (),
    statuses: Mapping[str, str] | None = None,
    interrupted: bool = False,
    provides: Mapping[str, tuple[str, ...]] | None = None,
) -> PackageState:
    """Return what dpkg would say."""
    state = statuses or {}
    installed = {
        name: Package(version, state.get(name, "installed"), "amd64", name in set(holds), False)
        for name, version in versions.items()
    }
    return PackageState(
        installed=installed,
        holds=tuple(holds),
        half_configured=tuple(state),
        config_files=(),
        interrupted=interrupted,
        locks=(),
        loader=Loader(tuple(owners), {}, (LOADER_FILE,) if owners else ()),
        native="amd64",
        provides=provides or {},
    )


def source(
    file: str, uri: str, suite: str = "all", *, line: int = 1, enabled: bool = True
) -> Source:
    """Return one entry of apt's configuration."""
    return Source(
        file=file,
        line=line,
        types=("deb",),
        uris=(uri,),
        suites=(suite,),
        components=("main",),
        architectures=("amd64",),
        signed_by=(),
        inline_keys=ABSENT,
        enabled=enabled,
        options={},
    )


def apt_facts(
    sources: Iterable[Source] = (),
    lists: Iterable[str] = (),
    preferences: Iterable[str] = (),
) -> AptSourceState:
    """Return what apt is configured with."""
    return AptSourceState(
        sources=tuple(sources),
        denied=(),
        keyrings={},
        trusted=(),
        lists=dict.fromkeys(lists, 1_700_000_000),
        refreshed=ABSENT,
        preferences=tuple(preferences),
        snapshots=(),
    )
