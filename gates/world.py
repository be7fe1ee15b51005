"""The world that gates judge: flat names -> value, ABSENT or UNKNOWN, for one host. Pure.

`build` turns a declaration and the facts' values into it; the vocabulary says which names exist.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from declaration.host import HostSpec
from facts.readings import Readings
from facts.registry import all_facts
from facts.value import ABSENT, Reading, Unknown
from gates import world_cards, world_declared, world_host, world_userspace
from gates.vocabulary import Term, TermValue, Vocabulary, vocabulary
from gates.wording import text

_CARD: Final = "card."
#: An environment variable that the profile does not mention is not set: ABSENT, not UNKNOWN.
_ENVIRONMENT: Final = "profile.env."


@dataclass(frozen=True)
class World:
    """Everything that rows may ask about one host.

    Attributes:
        host: name -> reading.
        cards: the readings of each declared or found card, or why they are UNKNOWN.
        declared: what rows may be about: `host` always, `cards` and `stack` where there are any,
            `profile` where one is declared on a host with cards.
        simulated: domains of facts that a lab host's probe_root answered.
    """

    host: Mapping[str, Reading[TermValue]]
    cards: tuple[Mapping[str, Reading[TermValue]], ...] | Unknown
    declared: frozenset[str] = frozenset({"host", "cards", "stack", "profile"})
    simulated: frozenset[str] = frozenset()
    words: Vocabulary = field(default_factory=vocabulary)

    def __post_init__(self) -> None:
        """Refuse names and types that the vocabulary does not have."""
        for name, reading in self.host.items():
            self.words.check(name, reading)
        for card in () if isinstance(self.cards, Unknown) else self.cards:
            for name, reading in card.items():
                self.words.check(name, reading)

    def read(self, name: str, card: int | None = None) -> Reading[TermValue]:
        """Return the reading of a name; what nobody read is UNKNOWN."""
        if name.startswith(_ENVIRONMENT) and "profile" in self.declared:
            return self.host.get(name, ABSENT)
        if not name.startswith(_CARD):
            return self.host.get(name, Unknown(f"{name} was not read"))
        if isinstance(self.cards, Unknown):
            return self.cards
        if card is None:
            return Unknown(f"{name} has a value per card only")
        return self.cards[card].get(name, Unknown(f"{name} was not read"))

    def term(self, name: str) -> Term:
        """Return the vocabulary's entry of a name."""
        return self.words[name]

    def card_numbers(self) -> tuple[int, ...] | Unknown:
        """Return the positions of all cards, or why they are UNKNOWN."""
        return self.cards if isinstance(self.cards, Unknown) else tuple(range(len(self.cards)))

    def label(self, card: int) -> str:
        """Return a card's name for people: slot and PCI address."""
        return text(self.read("card.label", card))

    def rests_on_simulation(self, names: Iterable[str]) -> bool:
        """Return True if one of the names comes from a fact that a probe_root answered."""
        return any(not self.simulated.isdisjoint(self.words[name].facts) for name in names)


def build(spec: HostSpec, given: Readings) -> World:
    """Return the world of one host.

    Args:
        spec: its declaration.
        given: what its facts said; `AptPolicy` was asked about the GPU packages.
    """
    cards = world_cards.cards(spec, given)
    host: dict[str, Reading[TermValue]] = {
        **world_declared.declared(spec),
        **world_cards.together(spec, given, cards),
        **world_host.host(spec, given, cards),
        **world_userspace.userspace(spec, given),
    }
    simulated = frozenset(
        name for name, fact in all_facts().items() if spec.probe_root and fact.simulable
    )
    return World(host, cards, _declared(spec, cards), simulated)


def _declared(
    spec: HostSpec, cards: tuple[Mapping[str, Reading[TermValue]], ...] | Unknown
) -> frozenset[str]:
    found = {"host"}
    if spec.hardware.cards or (not isinstance(cards, Unknown) and cards):
        found.add("cards")
    if spec.stack is not None:
        found.add("stack")
    if spec.profile is not None and "cards" in found:
        found.add("profile")
    return frozenset(found)
