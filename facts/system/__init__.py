"""The host itself: identity, clock, memory, network, users, units, settings, single paths."""
