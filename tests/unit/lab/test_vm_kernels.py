"""Specification of choosing a release's two kernels and of what their modules are compiled with."""

from __future__ import annotations

import re

import pytest

from lab.errors import LabError
from lab.releases import Release
from lab.vm import kernels, recipe
from lab.vm.kernels import Kernel

OLD = Kernel("6.1.0-50-cloud-amd64", "linux-image-6.1.0-50-cloud-amd64", "6.1.176-1", "6.1.176-1")


def stanza(package: str, version: str, depends: str = "") -> dict[str, str]:
    return {"Package": package, "Version": version, "Depends": depends}


IMAGES = [
    stanza("linux-image-6.1.0-9-cloud-amd64", "6.1.27-1"),
    stanza("linux-image-6.1.0-55-cloud-amd64", "6.1.190-1"),
    stanza("linux-image-6.1.0-50-cloud-amd64", "6.1.176-1"),
    stanza("linux-image-6.1.0-56-cloud-amd64", "6.1.192-2"),
]
META = "linux-image-cloud-amd64"


def test_the_two_kernels_are_an_older_release_of_the_meta_package_and_the_newest_of_all() -> None:
    metas = [
        stanza(META, "6.1.192-2", "linux-image-6.1.0-56-cloud-amd64 (= 6.1.192-2)"),
        stanza(META, "6.1.176-1", "linux-image-6.1.0-50-cloud-amd64 (= 6.1.176-1)"),
    ]
    older, newer = kernels.choose(metas, IMAGES)
    assert older == OLD
    assert (newer.release, newer.meta) == ("6.1.0-56-cloud-amd64", "6.1.192-2")


def test_without_an_older_meta_package_the_next_newest_image_is_taken() -> None:
    metas = [stanza(META, "6.1.192-2", "linux-image-6.1.0-56-cloud-amd64 (= 6.1.192-2)")]
    older, _ = kernels.choose(metas, IMAGES)
    assert (older.release, older.meta) == ("6.1.0-55-cloud-amd64", "")


def test_an_archive_with_one_kernel_is_no_archive_to_roll_out_from() -> None:
    with pytest.raises(LabError, match="one kernel only"):
        kernels.choose([], IMAGES[:1])


def test_dependencies_are_read_without_versions_architectures_and_second_choices() -> None:
    found = kernels.stanzas(
        "Package: a\nVersion: 1\nDepends: kmod, linux-base (>= 4.3~), x:any | y\n continued\n"
    )
    assert kernels.depends(found[0]) == ["kmod", "linux-base", "x"]


def test_modules_are_compiled_with_the_compiler_and_the_tools_that_the_headers_ask_for() -> None:
    other = stanza("linux-headers-6.12.118+deb13-cloud-amd64", "6.12.117-1", "gcc-13")
    this = stanza(
        "linux-headers-6.12.118+deb13-cloud-amd64",
        "6.12.118-1",
        "linux-base (>= 4.12~), linux-headers-6.12.118+deb13-common (= 6.12.118-1), "
        "linux-image-6.12.118+deb13-cloud-amd64 (= 6.12.118-1) | x, linux-kbuild-6.12.118+deb13, "
        "gcc-14",
    )
    kernel = Kernel("6.12.118+deb13-cloud-amd64", "linux-image-x", "6.12.118-1")
    found = kernels.headers(kernel, [other, this])
    assert found.own == (
        "linux-headers-6.12.118+deb13-cloud-amd64=6.12.118-1",
        "linux-headers-6.12.118+deb13-common=6.12.118-1",
    )
    assert found.tools == ("make", "linux-kbuild-6.12.118+deb13", "gcc-14")


@pytest.mark.parametrize(
    "name",
    ["linux-image-6.1.0-50-cloud-amd64", "linux-image-6.12.90+deb13.1-cloud-amd64"],
)
def test_image_packages_of_each_debian_are_found_by_their_names(name: str) -> None:
    pattern = recipe.of(Release("debian", "trixie")).image
    assert re.search(pattern, name)
    assert not re.search(pattern, f"{name}-dbg")
    assert not re.search(pattern, name.replace("cloud-", ""))
