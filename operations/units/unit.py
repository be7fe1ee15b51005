"""A systemd unit: loaded afresh, enabled, running, and not older than its configuration.

Repair follows from state alone, never from "that file changed a moment ago": a run that died
between writing a file and restarting its unit is seen and finished by the next one.
"""

from __future__ import annotations

from collections.abc import Sequence

from pyinfra import host
from pyinfra.api import QuoteString, StringCommand

from facts.reader import read
from facts.system.units import Units
from operations.operation import Commands, differs, operation, restarts, will_write
from operations.require import path_state, require
from operations.units.unit_steps import Wanted, difference, stale, steps


@operation()
def unit(
    service: str,
    running: bool | None = None,
    enabled: bool | None = None,
    masked: bool | None = None,
    restart_if_older_than: Sequence[str] = (),
    restart_if_missing: Sequence[str] = (),
    after_restart: Sequence[str] = (),
) -> Commands:
    """Keep a unit in a state; what is None is left alone.

    + service: full unit name, such as `systemd-journald.service`, or a further name of it
    + running: started or stopped
    + enabled: starts at boot or does not
    + masked: masked or not; a masked unit that should run needs an explicit False
    + restart_if_older_than: paths that a running unit has to be younger than
    + restart_if_missing: paths that a running unit makes by itself; without them it is restarted
    + after_restart: command, word by word, without which a restart is not complete
    """
    units = read(Units)
    configuration = {path: path_state(path) for path in restart_if_older_than}
    made = {path: path_state(path) for path in restart_if_missing}
    known = require(units, f"state of {service}")
    # systemctl enables and masks a unit by its own name alone
    service = known.names.get(service, service)
    found = known.get(service)
    changed = {path: stat.mtime for path, stat in configuration.items() if stat is not None}
    lost = [path for path, stat in made.items() if stat is None]
    written = [path for path in restart_if_older_than if will_write(path)]
    wanted = Wanted(running, enabled, masked, restart=stale(found, changed, lost, written))
    todo, reasons = steps(service, found, wanted)
    for verb in todo:
        if verb == "restart":
            restarts(service, wanted.restart)
        else:
            differs(*difference(verb, found))
        target = () if verb == "daemon-reload" else (QuoteString(service),)
        yield StringCommand("systemctl", *verb.split(), *target)
    if "restart" in todo and after_restart:
        yield StringCommand(*map(QuoteString, after_restart))
    if not todo:
        host.noop("; ".join(reasons))
