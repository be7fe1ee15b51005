"""A drop-in of ours is written only where it has the last word."""

from __future__ import annotations

from typing import Any

import pytest
from pyinfra.api.exceptions import OperationError

from facts.settings.drop_ins import DropIns
from facts.system.files import FileState
from facts.value import ABSENT, Unknown
from operations.files.settings_file import settings_file
from tests.unit.base_facts import drop_ins, files, stat
from tests.unit.pyinfra_harness import run_operation

OURS = "/etc/systemd/journald.conf.d/50-b70fleet.conf"
CONTENT = "[Journal]\nStorage=persistent\n"
SITE = "/etc/systemd/journald.conf.d/99-site.conf"


def planned(others: Any, state: Any = ABSENT) -> tuple[list[str], list[str]]:
    facts = {DropIns: others, FileState: files(**{OURS: state})}
    return run_operation(settings_file, facts, path=OURS, content=CONTENT, program="journald")


def test_it_is_written_where_nobody_else_says_anything() -> None:
    assert planned(drop_ins())[0] == [f"write {OURS}"]
    assert planned(drop_ins(), stat(content=CONTENT.encode()))[0] == []


def test_effective_values_count_so_a_file_as_declared_that_is_overridden_is_not_in_sync() -> None:
    others = drop_ins({SITE: "[Journal]\nStorage=volatile\n"})
    with pytest.raises(OperationError) as error:
        planned(others, stat(content=CONTENT.encode()))
    assert str(error.value) == (
        f"{SITE}:2 sets Storage to volatile after {OURS}, declared is persistent: remove that "
        "line, or rename the file so that it sorts before 50-b70fleet.conf"
    )


@pytest.mark.parametrize(
    ("path", "step"),
    [
        (
            "/usr/lib/systemd/journald.conf.d/99-x.conf",
            "ln -s /dev/null /etc/systemd/journald.conf.d/99-x.conf",
        ),
        ("/run/systemd/journald.conf.d/99-x.conf", "/etc/systemd/journald.conf.d/99-x.conf"),
    ],
)
def test_a_file_that_is_not_the_administrators_is_hidden_and_not_edited(
    path: str, step: str
) -> None:
    with pytest.raises(OperationError) as error:
        planned(drop_ins({path: "[Journal]\nStorage=none\n"}))
    assert step in str(error.value)


def test_a_drop_in_that_nothing_reads_is_refused() -> None:
    main = "/etc/needrestart/needrestart.conf"
    facts = {DropIns: drop_ins({main: "$nrconf{restart} = 'a';\n"}), FileState: files()}
    with pytest.raises(OperationError, match=f"{main} does not read /etc/needrestart/conf.d"):
        run_operation(
            settings_file,
            facts,
            path="/etc/needrestart/conf.d/b70fleet.conf",
            content="$nrconf{restart} = 'l';\n",
            program="needrestart",
        )


def test_a_line_that_leads_to_files_nobody_here_reads_is_unknown_ground() -> None:
    others = drop_ins({"/etc/apt/apt.conf.d/10site": '#include "/srv/site.conf";\n'})
    with pytest.raises(OperationError, match=r"10site:1 leads to other files, .* is UNKNOWN"):
        run_operation(
            settings_file,
            {DropIns: others, FileState: files()},
            path="/etc/apt/apt.conf.d/99x",
            content='APT::Ignore-Hold "false";\n',
            program="apt",
        )


@pytest.mark.parametrize(
    ("others", "said"),
    [
        (Unknown("timeout"), "which other files set what .* sets is UNKNOWN: timeout"),
        (drop_ins(denied=(SITE,)), f"{SITE} cannot be read, and it may override"),
    ],
)
def test_no_setting_is_written_on_unknown_ground(others: Any, said: str) -> None:
    with pytest.raises(OperationError, match=said):
        planned(others)
