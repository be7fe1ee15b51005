"""Debian version comparison against dpkg itself."""

from __future__ import annotations

import random
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facts.packages.debian_version import version_compare

#: versions of the packages that this product handles, and corner cases of the rules
KNOWN = [
    "1.28.2",
    "1.28.2-local1",
    "1.28.2-1~24.04~ppa1",
    "1.28.2-1",
    "1.28.0",
    "26.14.37833.4-0",
    "26.18.38308.1-0",
    "7.0.0-31.31~24.04.1",
    "7.0.0-38.38~24.04.1",
    "20240318.git3b128b60-0ubuntu2.27",
    "1:1.0",
    "0:1.0",
    "1.0",
    "1.0-0",
    "1.0~",
    "1.0~~",
    "1.0+b1",
    "1.0a",
    "1.0.",
    "1.00",
    "1-1-1",
    "2:0",
]
UPSTREAM = st.from_regex(r"[0-9][a-zA-Z0-9.+~]{0,7}", fullmatch=True)
REVISION = st.from_regex(r"(-[a-zA-Z0-9+.~]{1,5})?", fullmatch=True)
EPOCH = st.sampled_from(["", "", "0:", "1:"])
VERSION = st.builds(lambda e, u, r: e + u + r, EPOCH, UPSTREAM, REVISION)


def dpkg_says(pairs: list[tuple[str, str]]) -> list[int]:
    """Ask dpkg about many pairs in one process tree."""
    script = 'while read -r a b; do if dpkg --compare-versions "$a" lt "$b"; then echo -1; '
    script += 'elif dpkg --compare-versions "$a" gt "$b"; then echo 1; else echo 0; fi; done'
    text = "".join(f"{a} {b}\n" for a, b in pairs)
    done = subprocess.run(
        ["sh", "-c", script], input=text, capture_output=True, text=True, check=True
    )
    return [int(word) for word in done.stdout.split()]


def test_known_versions_compare_as_dpkg_compares_them() -> None:
    pairs = [(a, b) for a in KNOWN for b in KNOWN]
    chosen = random.Random(70).sample(pairs, 160)
    assert [version_compare(a, b) for a, b in chosen] == dpkg_says(chosen)


@settings(max_examples=8, deadline=None)
@given(st.lists(st.tuples(VERSION, VERSION), min_size=15, max_size=25))
def test_generated_versions_compare_as_dpkg_compares_them(pairs: list[tuple[str, str]]) -> None:
    assert [version_compare(a, b) for a, b in pairs] == dpkg_says(pairs)


@given(VERSION, VERSION)
def test_comparison_is_antisymmetric(a: str, b: str) -> None:
    assert version_compare(a, b) == -version_compare(b, a)


@pytest.mark.parametrize("text", ["", "abc", "1.0_1", "x:1", "1.0\n", ":1"])
def test_what_is_no_version_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a Debian version"):
        version_compare(text, "1")
