"""The files of settings on a host: which there are, and that no secret of theirs leaves it."""

from __future__ import annotations

from pathlib import Path

from facts.base import wrap
from facts.settings.drop_ins import DropIns
from facts.settings.effective import Assigned
from tests.unit.fact_frame import execute, plant, relocated, run_below

TOPS = ("/etc", "/run", "/usr")
FILES = {
    "etc/systemd/journald.conf": "[Journal]\n#Storage=auto\n",
    "usr/lib/systemd/journald.conf.d/syslog.conf": "[Journal]\nForwardToSyslog=yes\n",
    "etc/systemd/journald.conf.d/99-site.conf": "# site\n[Journal]\nStorage=volatile\n",
    "etc/apt/apt.conf.d/50proxy": 'Acquire::http::Proxy "http://me:hunter2@proxy.example/";\n',
    "etc/apt/apt.conf.d/60reboot": 'Unattended-Upgrade {\n  Automatic-Reboot "true";\n};\n',
}


def test_every_file_of_a_program_is_found_with_the_lines_that_matter(tmp_path: Path) -> None:
    plant(tmp_path, FILES)
    (tmp_path / "etc/systemd/journald.conf.d/syslog.conf").symlink_to("/dev/null")
    found = run_below(DropIns(), tmp_path, *TOPS)
    assert set(found["journald"].paths) == {
        "/etc/systemd/journald.conf",
        "/etc/systemd/journald.conf.d/99-site.conf",
        "/etc/systemd/journald.conf.d/syslog.conf",
        "/usr/lib/systemd/journald.conf.d/syslog.conf",
    }
    assert found["journald"].assigned == (
        Assigned("/etc/systemd/journald.conf.d/99-site.conf", 3, "Storage", "volatile"),
    )
    assert [(each.line, each.value) for each in found["apt"].assigned] == [(2, "true")]


def test_the_login_of_a_proxy_stays_on_the_host(tmp_path: Path) -> None:
    plant(tmp_path, FILES)
    printed = execute(wrap(relocated(DropIns().script(), tmp_path, *TOPS), 10)).stdout
    assert "99-site.conf" in printed
    assert "hunter2" not in printed


def test_a_host_without_any_such_file_has_empty_lists(tmp_path: Path) -> None:
    found = run_below(DropIns(), tmp_path, *TOPS)
    assert {(each.paths, each.assigned, each.denied) for each in found.values()} == {((), (), ())}
