"""The fleet as a stock pyinfra inventory.

    pyinfra inventory/rigs.py deploys/site.py --limit lab1 --dry

B70_INVENTORY names the fleet (a directory or a hosts file); without it, the `lab.yaml` beside this
file. The data of a host is what `b70` gives it, so the gates are the same. Stock pyinfra has no
lock, no certificate, no ledger and no truthful exit codes.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

_HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(_HERE.parent))

from fleet.config import load as _load  # noqa: E402 - needs the path above
from fleet.run.hostdata import host_data as _host_data  # noqa: E402

_fleet = _load(Path(os.environ.get("B70_INVENTORY") or _HERE / "lab.yaml"))

# pyinfra takes each list of the module as a group
globals().update({_group: list(_names) for _group, _names in _fleet.groups.items() if _names})
all = [(_name, _host_data(_spec, _fleet)) for _name, _spec in _fleet.hosts.items()]
