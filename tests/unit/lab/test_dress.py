"""What a lab machine can be dressed as, without making an image."""

from __future__ import annotations

from dataclasses import replace

import pytest
import yaml

from deploys.distribution import tables
from lab import dress, releases
from lab.errors import LabError

RESOLUTE = dress.named("resolute")


def test_a_dress_poses_as_a_release_that_the_product_knows_and_is_made_from_one_of_the_lab() -> (
    None
):
    wanted = {table.codename for table in tables().values()}
    for name in yaml.safe_load(releases.DATA.read_text())["dresses"]:
        assert name in wanted
        assert f"VERSION_CODENAME={name}\n" in dress.named(name).script
    assert RESOLUTE.release == releases.named("trixie")


def test_the_image_is_another_one_when_anything_in_it_is() -> None:
    others = [
        replace(RESOLUTE, packages=(*RESOLUTE.packages, "jq")),
        replace(RESOLUTE, release=releases.named("bookworm")),
    ]
    assert len({RESOLUTE.digest, *(other.digest for other in others)}) == 3


def test_an_unknown_dress_is_refused_with_those_there_are() -> None:
    with pytest.raises(LabError) as raised:
        dress.named("wolf")
    assert "resolute" in raised.value.hint
