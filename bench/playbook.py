"""The workloads for ansible: playbook, inventory and settings as data. Pure.

One task per resource, the module that its documentation recommends for that kind, facts off,
pipelining on, a fork per host: nothing is slower than a careful user would have it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from bench.targets import Target
from bench.workloads import TEMPLATE, Blob, Directory, Group, Link, Packages, Resource, Template

Task = dict[str, object]

_ROOT: Final = {"owner": "root", "group": "root"}


def task(resource: Resource, root: str, blobs: Path) -> Task:
    """Return the task for one resource.

    Args:
        root: the tool's folder on the host.
        blobs: controller's folder with the content of Blobs, `blob<number>`.
    """
    match resource:
        case Directory(path):
            module, values = "file", {"path": f"{root}/{path}", "state": "directory", **_ROOT}
            values["mode"] = "0755"
        case Template(path, value):
            values = {"src": str(TEMPLATE), "dest": f"{root}/{path}", "mode": "0644", **_ROOT}
            return {
                "name": path,
                "ansible.builtin.template": values,
                "vars": {"rig": "{{ inventory_hostname }}", "value": value},
            }
        case Blob(path, number):
            source = str(blobs / f"blob{number}")
            module = "copy"
            values = {"src": source, "dest": f"{root}/{path}", "mode": "0600", **_ROOT}
        case Link(path, target):
            module = "file"
            values = {"path": f"{root}/{path}", "src": target, "state": "link", **_ROOT}
        case Packages(names):
            return {
                "name": "packages",
                "ansible.builtin.apt": {"name": list(names), "state": "present"},
            }
        case Group(name):
            return {"name": "group", "ansible.builtin.group": {"name": name, "state": "present"}}
    return {"name": path, f"ansible.builtin.{module}": values}


def playbook(resources: Sequence[Resource], root: str, blobs: Path) -> list[dict[str, object]]:
    """Return the play that keeps the resources on all hosts."""
    tasks = [task(resource, root, blobs) for resource in resources]
    return [{"hosts": "all", "gather_facts": False, "become": True, "tasks": tasks}]


def inventory(targets: Iterable[Target]) -> dict[str, object]:
    """Return the inventory."""
    hosts = {
        target.name: {
            "ansible_host": target.address,
            "ansible_port": target.port,
            "ansible_user": target.user,
            "ansible_ssh_private_key_file": target.key,
            # named, so that no round trip is spent on searching for it
            "ansible_python_interpreter": "/usr/bin/python3",
        }
        for target in targets
    }
    return {"all": {"hosts": hosts}}


def settings(known: Path, sockets: Path, forks: int, mitogen: Path | None) -> str:
    """Return ansible.cfg.

    Args:
        known: pinned keys.
        sockets: folder for the shared connections of this one run.
        forks: hosts at the same time.
        mitogen: folder of mitogen's strategy plugins; None keeps ansible's own linear strategy.
    """
    strategy = f"strategy_plugins = {mitogen}\nstrategy = mitogen_linear\n" if mitogen else ""
    return f"""[defaults]
forks = {forks}
gathering = explicit
host_key_checking = True
deprecation_warnings = False
display_ok_hosts = False
display_skipped_hosts = False
retry_files_enabled = False
{strategy}
[ssh_connection]
pipelining = True
control_path_dir = {sockets}
ssh_args = -F /dev/null -o ControlMaster=auto -o ControlPersist=60s -o IdentitiesOnly=yes \
-o StrictHostKeyChecking=yes -o UserKnownHostsFile={known}
"""
