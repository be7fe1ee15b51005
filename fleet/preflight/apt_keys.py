"""The keys of apt sources, which a fleet brings itself. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from declaration.apt_key import missing
from declaration.host import HostSpec
from fleet.model.finding import Finding
from fleet.preflight.model import Context, check


def missing_keys(spec: HostSpec) -> tuple[str, str] | None:
    """Return which keys of apt sources a fleet lacks and what gets them; None when it has all."""
    found = {name: how for name, source in spec.apt.sources.items() if (how := missing(source))}
    if not found:
        return None
    names = ", ".join(found)
    text = f"the key of apt source {names} is missing"
    if len(found) > 1:
        text = f"the keys of apt sources {names} are missing"
    return text, f"in the fleet's folder: {' && '.join(found.values())}"


@check("apt-key-missing", "packages")
def _missing_keys(context: Context) -> Iterator[Finding]:
    """The key of a declared apt source is not in the fleet yet, so nothing of it can be trusted.

    Vendor keys are not shipped. A person fetches each once and keeps it beside the hosts file; its
    declared fingerprint decides whether it is the right one. Until then no plan can be made.
    """
    if (lack := missing_keys(context.spec)) is not None:
        yield context.critical(*lack)
