"""The workloads for this product: one layer of its own operations."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pyinfra import host

from bench.tree import rendered
from bench.workloads import Blob, Directory, Group, Link, Packages, Resource, Template, blob
from deploys.layer import Layer
from operations.accounts.group import group
from operations.apt.packages import packages
from operations.files.file import directory, file, link


def layer(resources: Sequence[Resource], root: str) -> Layer:
    """Return the layer that keeps the resources below `root`."""
    return Layer("bench", _deploy(resources, root))


def _deploy(resources: Sequence[Resource], root: str) -> Callable[[], None]:
    def deploy() -> None:
        for resource in resources:
            _keep(resource, root)

    return deploy


def _keep(resource: Resource, root: str) -> None:
    match resource:
        case Directory(path):
            directory(name=f"Directory[{root}/{path}]", path=f"{root}/{path}")
        case Template(path, value):
            text = rendered(str(host.name), value)
            file(name=f"File[{root}/{path}]", path=f"{root}/{path}", content=text)
        case Blob(path, number):
            file(
                name=f"File[{root}/{path}]",
                path=f"{root}/{path}",
                content=blob(number),
                mode="0600",
            )
        case Link(path, target):
            link(name=f"Link[{root}/{path}]", path=f"{root}/{path}", target=target)
        case Packages(names):
            packages(name="Packages[bench]", names=names)
        case Group(name):
            group(name=f"Group[{name}]", group_name=name)
