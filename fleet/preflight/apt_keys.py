"""The keys of apt sources, which a fleet brings itself. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from declaration.apt_key import missing
from fleet.model.finding import Finding
from fleet.preflight.model import Context, check

#: Id of the finding; a plan of such a host cannot be made.
MISSING_KEY: Final = "apt-key-missing"


@check(MISSING_KEY, "packages")
def _missing_keys(context: Context) -> Iterator[Finding]:
    """The key of a declared apt source is not in the fleet yet, so nothing of it can be trusted.

    Vendor keys are not shipped. A person fetches each once and keeps it beside the hosts file; its
    declared fingerprint decides whether it is the right one.
    """
    sources = context.spec.apt.sources
    found = {name: how for name, source in sources.items() if (how := missing(source))}
    if found:
        names = ", ".join(found)
        text = f"the key of apt source {names} is missing"
        if len(found) > 1:
            text = f"the keys of apt sources {names} are missing"
        steps = " && ".join(found.values())
        yield context.critical(text, f"in the fleet's folder: {steps}", inhibits=True)
