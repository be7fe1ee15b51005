"""What a preflight check is, what it finds, and the list of all checks. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from declaration.host import HostSpec
from facts.readings import Readings
from fleet.model.finding import Finding, Severity, worst_first
from gates.model import Verdict


@dataclass(frozen=True, slots=True)
class Context:
    """What a check looks at, and the maker of its findings."""

    spec: HostSpec
    given: Readings
    #: controller's clock when the facts were read, seconds since the epoch; None = not compared
    now: float | None = None
    #: why the facts were read without root, and what to do; None = they were not, or nobody knows
    without_root: tuple[str, str] | None = None
    #: the check that is asked
    id: str = ""
    domain: str = ""

    def info(self, text: str) -> Finding:
        """Return a finding that only tells."""
        return self._found(Severity.INFO, Verdict.PASS, text, None, inhibits=False)

    def warning(self, text: str, remedy: str) -> Finding:
        """Return a finding that will bite later."""
        return self._found(Severity.WARNING, Verdict.WARN, text, remedy, inhibits=False)

    def unknown(self, text: str, remedy: str) -> Finding:
        """Return a finding that something could not be read: it is never counted as good."""
        return self._found(Severity.WARNING, Verdict.UNKNOWN, text, remedy, inhibits=False)

    def critical(self, text: str, remedy: str, *, inhibits: bool = False) -> Finding:
        """Return a finding that stands in the way.

        Args:
            text: one sentence with the values seen.
            remedy: what to do, preferably a command.
            inhibits: the host is not changed while this is so.
        """
        return self._found(Severity.CRITICAL, Verdict.FAIL, text, remedy, inhibits=inhibits)

    def _found(
        self,
        severity: Severity,
        verdict: Verdict,
        text: str,
        remedy: str | None,
        *,
        inhibits: bool,
    ) -> Finding:
        return Finding(
            id=self.id,
            host=self.spec.name,
            domain=self.domain,
            severity=severity,
            verdict=verdict,
            text=text,
            remedy=remedy,
            inhibits=inhibits,
            simulated=bool(self.spec.probe_root) and self.domain in _SIMULATED,
        )


Look = Callable[[Context], Iterator[Finding]]


@dataclass(frozen=True, slots=True)
class Check:
    """A check.

    Args:
        id: of its findings.
        domain: the part of the host that it is about.
        look: what it looks at.
        kinds: further ids of its findings, each with its long text.
    """

    id: str
    domain: str
    look: Look
    kinds: Mapping[str, str]


#: Domains that a lab machine's probe_root stands for.
_SIMULATED: Final = ("boot", "cards")
_CHECKS: Final[list[Check]] = []


def check(
    name: str, domain: str, kinds: Mapping[str, str] = MappingProxyType({})
) -> Callable[[Look], Look]:
    """Register a check; its docstring is the long text of `b70 explain ID`.

    Args:
        name: id of its findings.
        domain: the part of the host that it is about.
        kinds: further ids of its findings, each with its long text.
    """

    def register(look: Look) -> Look:
        _CHECKS.append(Check(name, domain, look, kinds))
        return look

    return register


def explanations() -> dict[str, str]:
    """Return finding id -> long text."""
    own = {item.id: (item.look.__doc__ or "").strip() for item in _CHECKS}
    return own | {kind: text for item in _CHECKS for kind, text in item.kinds.items()}


def inspect(
    spec: HostSpec,
    given: Readings,
    now: float | None = None,
    without_root: tuple[str, str] | None = None,
) -> list[Finding]:
    """Return every finding, worst first, in a stable order.

    Args:
        spec: the host's declaration.
        given: its facts.
        now: controller's clock when they were read, seconds since the epoch.
        without_root: why they were read without root, and what to do.
    """
    contexts = [
        (item, Context(spec, given, now, without_root, item.id, item.domain)) for item in _CHECKS
    ]
    return worst_first(found for item, context in contexts for found in item.look(context))


def inhibitors(spec: HostSpec, given: Readings) -> list[Finding]:
    """Return the findings that forbid to change the host."""
    return [finding for finding in inspect(spec, given) if finding.inhibits]
