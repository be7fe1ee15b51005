"""What docs/architecture.md says of the way from the shell to a host is the way that is taken."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

import pytest
from typer.testing import CliRunner

from fleet.base.errors import Unreachable
from fleet.cli import context
from fleet.cli.app import app
from fleet.host.ssh import SshSession
from fleet.run.engine import Runs
from tests.places import ROOT

#: What stands between two files of the walk without a decision of its own: loading a verb, turning
#: errors into exit codes, one greenlet per host.
BETWEEN = {"fleet/cli/lazy.py", "fleet/cli/endings.py", "fleet/host/pool.py"}


def files(frame: FrameType | None) -> Iterator[str]:
    """Yield the product's files of a stack, the innermost first."""
    while frame is not None:
        path = Path(frame.f_code.co_filename)
        if path.is_relative_to(ROOT / "fleet"):
            yield str(path.relative_to(ROOT))
        frame = frame.f_back


def test_from_the_shell_to_the_first_byte_it_is_eight_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    walked: list[str] = []
    make_engine = context.make_engine

    def enter_context(*words: object) -> Runs:
        walked.extend(reversed([*files(sys._getframe())]))
        walked.append("fleet/cli/context.py")
        return make_engine(*words)  # type: ignore[arg-type]

    def first_byte(session: SshSession, patience_s: float | None = None) -> None:
        walked.extend(reversed([*files(sys._getframe())]))
        walked.append("fleet/host/ssh.py")
        raise Unreachable("far enough")

    monkeypatch.setattr(context, "make_engine", enter_context)
    monkeypatch.setattr(SshSession, "connect", first_byte)
    (tmp_path / "hosts.yaml").write_text("hosts: {rig-a: {address: 192.0.2.1}}\n")
    words = ["-i", str(tmp_path), "converge", "--limit", "rig-a", "-y"]
    CliRunner().invoke(app, words, env={"B70_STATE": str(tmp_path / "state"), "NO_COLOR": "1"})
    page = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    described = re.findall(r"^\d\. `(fleet/[a-z_/]+\.py)`", page, re.M)
    assert len(described) == 8
    # the console entry is not on the stack of a test
    assert [described[0], *dict.fromkeys(f for f in walked if f not in BETWEEN)] == described
