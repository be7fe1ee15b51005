"""The YAML loaders of the product: PyYAML's safe one, libyaml's where PyYAML has it.

`PlainLoader` follows YAML 1.2 where YAML 1.1 surprises: `on` and `no` are text, and so are
`0000:03:00.0` (a PCI address, not a number in base 60), `0644` and dates.
"""

from __future__ import annotations

import re
from typing import Final

try:
    from yaml import CSafeLoader as SafeLoader
except ImportError:  # PyYAML without libyaml: slower, same result
    from yaml import SafeLoader  # type: ignore[assignment]

__all__ = ["TAG", "PlainLoader", "SafeLoader"]

#: Before the name of each of YAML's own types.
TAG: Final = "tag:yaml.org,2002:"


class PlainLoader(SafeLoader):
    """A safe loader with the scalar rules of this file."""


# a table of its own: SafeLoader's is shared and carries base-60 numbers, dates and `yes`
PlainLoader.yaml_implicit_resolvers = {}
for _name, _pattern, _first in (
    ("null", r"^(?:~|null|Null|NULL|)$", ["~", "n", "N", ""]),
    ("bool", r"^(?:true|True|TRUE|false|False|FALSE)$", list("tTfF")),
    ("int", r"^(?:[-+]?(?:0|[1-9][0-9]*)|0x[0-9a-fA-F]+|0o[0-7]+)$", list("-+0123456789")),
    ("float", r"^[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?$", list("-+.0123456789")),
    ("merge", r"^<<$", ["<"]),
):
    PlainLoader.add_implicit_resolver(TAG + _name, re.compile(_pattern), _first)
