"""A failed command is told with what it printed that says why."""

from __future__ import annotations

from fleet.host.commandtext import describe_failure
from fleet.host.session import Output

APT = Output(
    100,
    b"Reading package lists...\nWaiting: held by process 59 (python3)...\n",
    b"E: Unable to acquire the dpkg frontend lock\n",
)


def test_who_is_in_the_way_is_told_also_where_it_was_printed_on_stdout() -> None:
    assert describe_failure("apt-get install x", APT, beside=1) == (
        "exit status 100: Waiting: held by process 59 (python3)...; "
        "E: Unable to acquire the dpkg frontend lock [apt-get install x]"
    )


def test_stderr_alone_is_enough_where_nothing_stands_beside_it() -> None:
    assert describe_failure("x", APT) == (
        "exit status 100: E: Unable to acquire the dpkg frontend lock [x]"
    )


def test_without_stderr_the_end_of_stdout_is_told_and_silence_is_called_so() -> None:
    said = "".join(f"line {number}\n" for number in range(20)).encode()
    assert describe_failure("x", Output(1, said, b"")).startswith("exit status 1: line 8; ")
    assert describe_failure("x", Output(1, b"", b"\n")) == "exit status 1: no output [x]"
