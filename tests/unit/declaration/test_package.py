"""A package name in a declaration means that package alone, to apt and to dpkg."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from declaration.stack import PackageSet
from declaration.system import Base, UpdateFence


@pytest.mark.parametrize(
    "name", ["jq", "g++", "libstdc++6", "memtest86+", "libc6:amd64", "libc6:i386", "python3.11"]
)
def test_a_name_that_apt_takes_for_one_package_is_accepted(name: str) -> None:
    assert Base(packages=(name,)).packages == (name,)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("nano-", "apt would remove nano"),
        ("nano:amd64-", "'amd64-' is no architecture"),
        ("--purge", "is an option of apt"),
        ("-t", "is an option of apt"),
        ("lib*", "apt would install every match"),
        ("linux-image-[0-9]", "apt would install every match"),
        ("^nano$", "apt would install every match"),
        ("standard^", "apt would install every match"),
        ("nano=7.2-1", "neither a version nor a release nor a file"),
        ("nano/noble-backports", "neither a version nor a release nor a file"),
        ("./nano.deb", "neither a version nor a release nor a file"),
        ("nano:amd46", "'amd46' is no architecture"),
        ("nano:any", "'any' is no architecture"),
        ("Nano", "is not a Debian package name"),
        ("intel_gpu_tools", "is not a Debian package name"),
        ("n\u0430no", "is not a Debian package name"),
        ("jq curl", "is not a Debian package name"),
        ("j", "is not a Debian package name"),
        ("", "is not a Debian package name"),
    ],
)
def test_a_name_by_which_apt_would_do_something_else_is_refused(name: str, said: str) -> None:
    with pytest.raises(ValidationError) as raised:
        Base(packages=(name,))
    assert said in str(raised.value)


def test_a_stacks_package_cannot_be_an_order_to_remove() -> None:
    with pytest.raises(ValidationError, match="is not a Debian package name"):
        PackageSet(packages={"xpu-smi-": ""})


@pytest.mark.parametrize(
    "pattern", ["linux-generic", "linux-image-*", "linux-image-6.*", "linux-[!x]*", "g++-1?", "*"]
)
def test_a_hold_is_a_name_or_a_glob(pattern: str) -> None:
    assert UpdateFence(hold=(pattern,)).hold == (pattern,)


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ("linux-image-.*", "looks like a regular expression; this is a glob"),
        ("linux-.*-generic", "any text (linux-*-generic)"),
        ("linux-image-[0-9]+", "looks like a regular expression"),
        ("nvidia.+", "any text (nvidia*)"),
        ("^linux", "is not a Debian package name or a glob"),
        ("linux-(image|headers)", "is not a Debian package name or a glob"),
        ("linux-image-\\d", "is not a Debian package name or a glob"),
        ("linux-[0-9", "has a bracket that begins or ends no set"),
        ("linux-0-9]", "has a bracket that begins or ends no set"),
        ("linux-[]", "has a bracket that begins or ends no set"),
        ("linux-image-", "which no package name does"),
    ],
)
def test_a_hold_that_could_match_nothing_is_refused(pattern: str, said: str) -> None:
    with pytest.raises(ValidationError) as raised:
        UpdateFence(hold=(pattern,))
    assert said in str(raised.value)
