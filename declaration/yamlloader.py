"""PyYAML's safe loader, libyaml's where PyYAML has it: the base of the product's loaders."""

from __future__ import annotations

try:
    from yaml import CSafeLoader as SafeLoader
except ImportError:  # PyYAML without libyaml: slower, same result
    from yaml import SafeLoader  # type: ignore[assignment]

__all__ = ["SafeLoader"]
