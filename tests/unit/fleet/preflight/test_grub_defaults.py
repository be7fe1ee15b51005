"""Preflight over GRUB's settings: a line that sh reads otherwise than it was meant is named."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from declaration.host import HostSpec
from facts.parts import Line
from fleet.model.finding import Finding
from fleet.preflight import inspect
from tests.given import given
from tests.unit.boot_facts import boot
from tests.unit.fleet.preflight.test_preflight import SPEC, WITH_BOOT_SET

DEFAULTS = "/etc/default/grub"
DROP_IN = "/etc/default/grub.d/50-x.cfg"


def findings(files: Mapping[str, str], spec: HostSpec = SPEC) -> list[Finding]:
    lines = tuple(
        Line(path, number, text)
        for path, content in files.items()
        for number, text in enumerate(content.removesuffix("\n").split("\n"), 1)
    )
    found = inspect(spec, given({"boot": boot(lines=lines)}))
    return [finding for finding in found if finding.id == "grub-defaults-unreadable"]


def test_curly_quotes_are_named_with_file_and_line_and_forbid_a_boot_set() -> None:
    text = "GRUB_DEFAULT=0\nGRUB_CMDLINE_LINUX_DEFAULT=\u201dquiet pci=noaer\u201d\n"
    (found,) = findings({DEFAULTS: text})
    assert found.text.startswith(f"{DEFAULTS}:2: a curly quote (U+201D) stands where")
    assert found.remedy is not None
    assert "line 2" in found.remedy
    assert not found.inhibits
    (found,) = findings({DEFAULTS: text}, WITH_BOOT_SET)
    assert found.inhibits


@pytest.mark.parametrize(
    ("line", "remedy"),
    [
        ("GRUB_TIMEOUT=5\r", rf"sed -i 's/\r$//' {DROP_IN}"),
        ("\ufeffGRUB_TIMEOUT=5", rf"sed -i '1s/^\xef\xbb\xbf//' {DROP_IN}"),
        ('GRUB_CMDLINE_LINUX="quiet\u00a0splash"', f"line 1 of {DROP_IN}"),
        ("GRUB_TIMEOUT = 5", f"line 1 of {DROP_IN}"),
    ],
)
def test_a_drop_in_is_read_like_the_main_file(line: str, remedy: str) -> None:
    (found,) = findings({DEFAULTS: "GRUB_DEFAULT=0\n", DROP_IN: line})
    assert found.text.startswith(f"{DROP_IN}:1: ")
    assert found.remedy is not None
    assert remedy in found.remedy


def test_settings_that_sh_reads_as_they_were_meant_are_no_finding() -> None:
    good = 'GRUB_DISTRIBUTOR="Rig \u2013 B70"\nGRUB_CMDLINE_LINUX="quiet" # \u201cwhy\u201d\n'
    assert findings({DEFAULTS: good, DROP_IN: "LC_ALL=C true\n"}) == []
