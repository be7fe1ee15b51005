"""Settings of ours that another file takes back are named before a converge refuses them."""

from __future__ import annotations

from collections.abc import Mapping

from fleet.model.finding import Finding
from fleet.preflight import inspect
from tests.given import given
from tests.unit.base_facts import drop_ins
from tests.unit.fleet.preflight.test_preflight import HEALTHY, SPEC

JOURNALD = "/etc/systemd/journald.conf.d/50-b70fleet.conf"
SITE = "/etc/systemd/journald.conf.d/99-site.conf"
OURS = {JOURNALD: "[Journal]\nStorage=persistent\nSystemMaxUse=2G\n"}


def findings(files: Mapping[str, str]) -> list[Finding]:
    return inspect(SPEC, given({**HEALTHY, "drop_ins": drop_ins(files)}))


def test_every_line_that_takes_back_a_setting_of_ours_is_named_at_once() -> None:
    needrestart = {
        "/etc/needrestart/conf.d/b70fleet.conf": "$nrconf{restart} = 'l';\n",
        "/etc/needrestart/conf.d/restart.conf": "$nrconf{restart} = 'a';\n",
    }
    site = {SITE: "[Journal]\nStorage=volatile\nSystemMaxUse=64M\n"}
    found = findings({**OURS, **site, **needrestart})
    assert {each.id for each in found} == {"setting-overridden"}
    assert not any(each.inhibits for each in found)
    assert sorted(each.text for each in found) == [
        "/etc/needrestart/conf.d/restart.conf:1 sets restart to a after "
        "/etc/needrestart/conf.d/b70fleet.conf, which sets l",
        f"{SITE}:2 sets Storage to volatile after {JOURNALD}, which sets persistent",
        f"{SITE}:3 sets SystemMaxUse to 64M after {JOURNALD}, which sets 2G",
    ]
    assert all(each.remedy and "sorts before" in each.remedy for each in found)


def test_a_drop_in_of_ours_that_nothing_reads_is_named() -> None:
    files = {
        "/etc/needrestart/needrestart.conf": "$nrconf{restart} = 'a';\n",
        "/etc/needrestart/conf.d/b70fleet.conf": "$nrconf{restart} = 'l';\n",
    }
    assert any("so nothing reads" in each.text for each in findings(files))


def test_files_that_take_nothing_back_and_hosts_without_ours_are_silent() -> None:
    assert findings(OURS) == []
    assert findings({**OURS, SITE: "[Journal]\nStorage=auto\n"}) == []
    assert findings({SITE: "[Journal]\nStorage=volatile\n"}) == []
