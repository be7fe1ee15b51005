"""pytest removes the folders of older sessions at its end: tens of thousands, without a pause."""

from __future__ import annotations

import subprocess
import sys

from tests.places import ROOT

#: Closes a descriptor as shutil.rmtree does, and looks whether it is closed then.
CLOSE = """
import os
from tests.conftest import pytest_sessionfinish
pytest_sessionfinish()
descriptor = os.open("/", os.O_RDONLY)
os.close(descriptor)
try:
    os.fstat(descriptor)
except OSError:
    print("closed")
"""


def test_a_descriptor_is_closed_at_once_when_a_session_ends() -> None:
    done = subprocess.run(
        [sys.executable, "-c", CLOSE], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == "closed\n"
