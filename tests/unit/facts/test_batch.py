"""What every fact promises: it ends, it writes nothing, and garbage spoils nothing but itself."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from facts.base import END, HostFact, interpret
from facts.packages.apt_policy import AptPolicy
from facts.registry import all_facts, batch_facts
from facts.system.sysctl import SysctlValues
from tests.unit.fact_frame import NOBODY, execute

#: root as in a normal run where the tests are root, and always a user without any right
READERS = [0, NOBODY] if os.geteuid() == 0 else [os.geteuid()]
PARSERS: dict[str, type[HostFact[Any]]] = {
    **all_facts(),
    "apt_policy": AptPolicy,
    "sysctl_values": SysctlValues,
}
#: redirections that create or change a file; descriptors and /dev/null are none
WRITES = re.compile(
    r"(?<![-=\d&<])\d?>>?\s*(?!&|/dev/null|\s)\S|\b(tee|touch|mktemp|mkdir|cp|mv|rm)\s"
)


def tree(folder: Path) -> dict[str, tuple[int, int]]:
    return {
        str(p): (p.lstat().st_mtime_ns, p.lstat().st_size) for p in [folder, *folder.rglob("*")]
    }


@pytest.mark.parametrize("uid", READERS)
@pytest.mark.parametrize("domain", sorted(batch_facts()))
def test_a_fact_ends_in_time_and_writes_nothing(domain: str, uid: int, open_folder: Path) -> None:
    fact = batch_facts()[domain]()
    home, temporary = open_folder / "home", open_folder / "tmp"
    for folder in (home, temporary):
        folder.mkdir()
        folder.chmod(0o777)
    before, start = tree(open_folder), time.monotonic()
    done = execute(
        fact.command(),
        uid=uid,
        env={"HOME": str(home), "TMPDIR": str(temporary), "XDG_RUNTIME_DIR": ""},
    )
    assert time.monotonic() - start < fact.timeout_s + 2
    assert done.returncode == 0
    assert done.stdout.rstrip("\n").split("\n")[-1].startswith(END)
    assert interpret(fact, done.stdout.split("\n")) is not None
    assert tree(open_folder) == before


@pytest.mark.parametrize("domain", sorted(batch_facts()))
def test_no_fact_of_a_normal_run_redirects_into_a_file(domain: str) -> None:
    assert WRITES.search("echo > /etc/x")
    assert WRITES.search("mkdir -p x")
    assert not WRITES.search("a 2>/dev/null 1>&2 <file")
    code = "\n".join(
        line
        for line in batch_facts()[domain]().script().split("\n")
        if not line.lstrip().startswith("#")
    )
    assert not WRITES.search(re.sub(r"'[^']*'", "''", code))


@pytest.mark.parametrize("domain", sorted(PARSERS))
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(text=st.text(max_size=200))
def test_garbage_never_raises_out_of_a_fact(domain: str, text: str) -> None:
    interpret(PARSERS[domain](), [*text.split("\n"), f"{END} 0 "])


@pytest.mark.parametrize("domain", sorted(all_facts()))
def test_a_fact_whose_output_was_cut_is_damaged_only_in_itself(domain: str) -> None:
    fact = all_facts()[domain]
    text = "#b70 x\n" if fact.on_demand else execute(fact().command()).stdout
    marks = [0, len(text) // 3, len(text) // 2, 2 * len(text) // 3]
    for mark in marks:
        interpret(fact(), [*text[:mark].split("\n"), f"{END} 0 "])
        interpret(fact(), [*re.sub(r"\d", "x", text[mark:]).split("\n")])


@pytest.mark.parametrize("domain", sorted(batch_facts()))
def test_a_fact_that_hangs_or_fails_is_unknown_with_its_reason(domain: str) -> None:
    fact = batch_facts()[domain]()
    assert "no answer within" in str(interpret(fact, ["", f"{END} 124 "]))
    assert "permission denied" in str(interpret(fact, ["", f"{END} 2 permission denied"]))
