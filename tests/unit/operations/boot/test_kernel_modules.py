"""A kernel that nobody has booted yet must know the card."""

from __future__ import annotations

from typing import Any

import pytest
from pyinfra.api.exceptions import OperationError

from facts.boot.kernel_files import KernelFiles
from facts.value import ABSENT, Unknown
from operations.boot.kernel_modules import kernel_modules
from tests.unit.boot_facts import NEW, contents
from tests.unit.pyinfra_harness import run_operation


@pytest.mark.parametrize(
    ("knows", "said"), [(False, "no module for 8086:e223"), (Unknown("no index"), "is UNKNOWN")]
)
def test_a_kernel_that_does_not_know_the_card_is_refused(knows: Any, said: str) -> None:
    with pytest.raises(OperationError, match=said):
        run_operation(kernel_modules, {KernelFiles: contents(knows_b70=knows)}, release=NEW)


def test_a_kernel_that_is_not_there_yet_is_looked_at_when_it_is() -> None:
    commands, _ = run_operation(
        kernel_modules, {KernelFiles: contents(knows_b70=ABSENT)}, release=NEW
    )
    assert len(commands) == 1
    assert "modules.alias" in commands[0]
    assert run_operation(kernel_modules, {KernelFiles: contents()}, release=NEW)[0] == []
