"""Finds secrets written into the declaration as plain values. Pure; never repeats the value."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from fleet.config.fields import is_secret
from fleet.config.layers import KeyPath
from fleet.config.problems import Problem
from fleet.config.yaml_marks import Node

#: Environment names such as HF_TOKEN or VLLM_API_KEY; MAX_TOKENS is a count, not a secret.
_NAME: Final = re.compile(r"(?:^|[_-])(?:token|password|passwd|passphrase|secret|api_?key)$", re.I)
_IN_VALUE: Final = {
    "a password inside an URL": re.compile(r"^[a-z][a-z0-9+.-]*://[^/@\s:]+:[^/@\s]+@", re.I),
    "a private key": re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY"),
}
_HINT: Final = "keep secrets out of the declaration and refer to them (env:NAME, file:PATH)"


def plain_secrets(node: Node, path: KeyPath = ()) -> Iterator[Problem]:
    """Yield a problem for each plain secret below a node."""
    if isinstance(node.value, dict):
        for key, child in node.value.items():
            yield from plain_secrets(child, (*path, key))
    elif isinstance(node.value, list):
        for index, child in enumerate(node.value):
            yield from plain_secrets(child, (*path, str(index)))
    elif isinstance(node.value, str) and node.value:
        found = next((what for what, seen in _IN_VALUE.items() if seen.search(node.value)), "")
        if not found and path and _NAME.search(path[-1]):
            found = "a secret as a plain value"
        if found and not is_secret(path):
            yield Problem(node.where, ".".join(path), f"{found}: {_HINT}")
