"""The workloads for stock pyinfra, run by its own command line; stock operations only.

The workload and the folder on the host come from the environment: B70_BENCH_WORKLOAD and
B70_BENCH_ROOT.
"""

from __future__ import annotations

import io
import os

from pyinfra import host
from pyinfra.operations import apt, files, server

from bench.workloads import (
    TEMPLATE,
    WORKLOADS,
    Blob,
    Directory,
    Group,
    Link,
    Packages,
    Resource,
    Template,
    blob,
)


def keep(resource: Resource, root: str) -> None:
    """Call the stock operation for one resource."""
    match resource:
        case Directory(path):
            files.directory(name=path, path=f"{root}/{path}", mode="755", user="root", group="root")
        case Template(path, value):
            files.template(
                name=path,
                src=str(TEMPLATE),
                dest=f"{root}/{path}",
                mode="644",
                user="root",
                group="root",
                rig=host.name,
                value=value,
            )
        case Blob(path, number):
            files.put(
                name=path,
                src=io.BytesIO(blob(number)),
                dest=f"{root}/{path}",
                mode="600",
                user="root",
                group="root",
            )
        case Link(path, target):
            files.link(name=path, path=f"{root}/{path}", target=target)
        case Packages(names):
            apt.packages(name="packages", packages=list(names))
        case Group(name):
            server.group(name="group", group=name)


if __name__ != "bench.stock_deploy":  # run as a script by stock pyinfra, not imported
    for _resource in WORKLOADS[os.environ["B70_BENCH_WORKLOAD"]]:
        keep(_resource, os.environ["B70_BENCH_ROOT"])
