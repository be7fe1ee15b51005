"""How deploys and operations read a fact of the current host.

Adds the one argument that every simulable fact shares (`probe_root`, set for lab hosts only), so
that no caller has to remember it.
"""

from __future__ import annotations

from typing import Any, ClassVar, Protocol, TypeVar, cast

from pyinfra import host

from facts.value import Unknown

T_co = TypeVar("T_co", covariant=True)


class Readable(Protocol[T_co]):
    """The part of HostFact that a reader needs; covariant, which FactBase is not."""

    simulable: ClassVar[bool]

    def parse(self, text: str) -> T_co:
        """Turn text into the value."""
        ...


def read(fact: type[Readable[T_co]]) -> T_co | Unknown:
    """Return the current pyinfra host's reading of a fact (from the batch when there is one)."""
    root = str(host.data.get("probe_root") or "") if fact.simulable else ""
    return cast("T_co | Unknown", host.get_fact(cast("Any", fact), probe_root=root))
