"""Names of fact domains that a person typed, checked before any host is contacted."""

from __future__ import annotations

from collections.abc import Sequence


def check_domains(names: Sequence[str]) -> None:
    """Refuse a domain that does not exist.

    Raises:
        ConfigError: with the closest names.
    """
    if not names:
        return
    from difflib import get_close_matches

    from facts.registry import all_facts
    from fleet.base.errors import ConfigError
    from fleet.cli.helptext import did_you_mean

    known = all_facts()
    for name in names:
        if name not in known:
            close = did_you_mean(get_close_matches(name, known))
            raise ConfigError(
                f"there is no fact domain {name!r}.{close}", hint=f"domains: {', '.join(known)}"
            )
