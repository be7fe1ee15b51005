"""The lockup policy: a panic only where it leaves a trace and the machine comes back by itself."""

from __future__ import annotations

import pytest

from facts.system.crash_capture import Capture
from facts.value import ABSENT, Reading, Unknown
from gates.lockup import policy_for


@pytest.mark.parametrize(
    ("kdump", "pstore", "netconsole", "panic_s", "value", "because"),
    [
        (True, ABSENT, (), 0, 1, "kdump is loaded"),
        (False, "efi_pstore", (), 10, 1, "pstore efi_pstore keeps the trace"),
        (False, "", ("lab",), -1, 1, "netconsole lab keeps the trace"),
        (False, "efi_pstore", (), 0, 0, "it would halt for good"),
        (False, "", ("lab",), Unknown("denied"), 0, "it would halt for good"),
        (False, "efi_pstore", (), ABSENT, 0, "it would halt for good"),
        (False, "", (), 10, 0, "neither kdump, pstore nor netconsole"),
        (ABSENT, ABSENT, (), 10, 0, "neither kdump, pstore nor netconsole"),
        (Unknown("denied"), Unknown("denied"), (), 10, 0, "neither kdump, pstore nor netconsole"),
    ],
)
def test_a_lockup_panics_only_where_that_leaves_a_trace_and_the_machine_comes_back(
    kdump: Reading[bool],
    pstore: Reading[str],
    netconsole: tuple[str, ...],
    panic_s: Reading[int],
    value: int,
    because: str,
) -> None:
    policy = policy_for(Capture(kdump, pstore, netconsole, panic_s))
    assert policy.value == value
    assert because in policy.reason


@pytest.mark.parametrize(("declared", "value"), [("10", 1), (10, 1), (0, 0), ("soon", 0)])
def test_the_declared_panic_timeout_counts_because_it_holds_once_converged(
    declared: str | int, value: int
) -> None:
    live = 0 if value else 10
    assert policy_for(Capture(False, "efi_pstore", (), live), declared).value == value


def test_unknown_crash_capture_never_allows_a_panic() -> None:
    policy = policy_for(Unknown("no answer within 10 s"))
    assert (policy.value, policy.reason) == (
        0,
        "0, because crash capture is UNKNOWN: no answer within 10 s",
    )
