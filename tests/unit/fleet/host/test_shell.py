"""The command line of every program, run by real shells: its status, its time, its bytes."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from fleet.base.exitcodes import ExitCode
from fleet.host.answer import NotBegun, unframed
from fleet.host.refusal import Account, refusal
from fleet.host.session import Output
from fleet.host.shell import STDOUT_BYTES, Shell, is_cut

ACCOUNT = Account("rig-a", "rig", "ssh rig@192.0.2.1")
#: Login shells, as far as this computer has them. Tried once besides: rc, and elvish, which passes
#: no exit status on.
SHELLS = [
    name
    for name in (
        "sh",
        "dash",
        "bash",
        "busybox",
        "zsh",
        "ksh",
        "mksh",
        "yash",
        "fish",
        "tcsh",
        "bsd-csh",
    )
    if shutil.which(name)
]
#: A sudo as sudo behaves with these options. It asks where a file `asks` lies; each password that
#: it takes stands in that file afterwards. Of a wrong one it says so and asks twice more.
SUDO = """#!/bin/sh
[ "$*" != -V ] || { echo "${VERSION:-Sudo version 1.9.13p3}"; exit 0; }
silent= given=
while :; do
  case $1 in
    -n) silent=1; shift ;;
    -k) shift ;;
    -S) given=1; shift ;;
    -p) shift 2 ;;
    *) break ;;
  esac
done
[ -e "$ASKS" ] || exec "$@"
[ -z "$silent" ] || { echo 'sudo: a password is required' >&2; exit 1; }
for try in 1 2 3; do
  IFS= read -r word || { echo 'sudo: no password was provided' >&2; break; }
  echo "$word" >>"$ASKS"
  [ "$word" != 'pa ss' ] || exec "$@"
  echo 'Sorry, try again.' >&2
done
echo "sudo: $(wc -l <"$ASKS") incorrect password attempt" >&2
exit 1
"""


def run(
    program: str,
    shell: Shell = Shell(),  # noqa: B008
    deadline_s: float = 30,
    login: str = "sh",
    environ: dict[str, str] | None = None,
) -> Output:
    """Run a program as a session does, and return what it printed itself."""
    answer = sent(program, shell, deadline_s, login, environ)
    assert isinstance(answer, Output), answer
    return answer


def sent(
    program: str,
    shell: Shell = Shell(),  # noqa: B008
    deadline_s: float = 30,
    login: str = "sh",
    environ: dict[str, str] | None = None,
) -> Output | NotBegun:
    words = [login, "sh"] if login == "busybox" else [login]
    done = subprocess.run(
        [*words, "-c", shell.command(deadline_s)],
        input=shell.stdin(program),
        capture_output=True,
        env={**os.environ, **(environ or {})},
        timeout=60,
        check=False,
    )
    return unframed(Output(done.returncode, done.stdout, done.stderr))


@pytest.mark.parametrize("login", SHELLS)
def test_a_program_keeps_its_status_and_both_its_outputs(login: str) -> None:
    assert run("echo out; echo err >&2; exit 7", login=login) == Output(7, b"out\n", b"err\n")


def test_the_command_line_means_the_same_to_every_login_shell() -> None:
    for shell in (Shell(), Shell(sudo=True), Shell(sudo=True, password="pa ss")):
        command = shell.command(30)
        # between the outer quotes stands nothing that fish, csh or sh would read otherwise
        assert command.startswith("sh -c '")
        assert command.count("'") == 2
        assert not {"\n", "!"} & set(command)
        assert "pa ss" not in command


def test_a_program_that_is_no_program_runs_nothing_and_fails() -> None:
    output = run("if")
    assert output.status == 2
    assert b"yntax error" in output.stderr


def test_what_was_printed_before_the_deadline_arrives() -> None:
    output = run("echo first; sleep 60; echo never", deadline_s=1)
    assert (output.status, output.stdout) == (124, b"first\n")


def test_what_was_printed_arrives_also_of_a_program_that_has_to_be_killed() -> None:
    output = run("echo first; trap '' TERM; sleep 60; sleep 60", deadline_s=1)
    assert (output.status, output.stdout) == (137, b"first\n")


def test_too_long_an_output_is_cut_on_the_host_and_says_so() -> None:
    output = run(f"head -c {STDOUT_BYTES + 1_000_000} /dev/zero; echo done >&2; exit 3")
    note = b"\n[b70fleet: cut here, 1000000 bytes dropped]\n"
    assert output.stdout == b"\0" * STDOUT_BYTES + note
    assert is_cut(output.stdout)
    # it ran to its end: a signal in the middle of a change would be worse than a long output
    assert (output.status, output.stderr) == (3, b"done\n")


def test_an_output_that_just_fits_is_whole() -> None:
    output = run(f"head -c {STDOUT_BYTES} /dev/zero")
    assert output.stdout == b"\0" * STDOUT_BYTES
    assert not is_cut(output.stdout)


def test_of_200_mb_of_errors_the_beginning_and_the_end_arrive() -> None:
    output = run("echo begin >&2; head -c 200000000 /dev/zero >&2; echo the reason >&2; exit 1")
    assert output.status == 1
    assert len(output.stderr) < 2_000_000
    assert output.stderr.startswith(b"begin\n")
    assert output.stderr.endswith(b"\0the reason\n")
    assert b"\n[b70fleet: cut here, the last 65536 bytes follow]\n" in output.stderr


@pytest.fixture
def sudo(tmp_path: Path) -> dict[str, str]:
    """Return an environment in which sudo is a stand-in; it asks once a file `asks` exists."""
    (tmp_path / "sudo").write_text(SUDO)
    (tmp_path / "sudo").chmod(0o755)
    return {"PATH": f"{tmp_path}:{os.environ['PATH']}", "ASKS": str(tmp_path / "asks")}


@pytest.mark.parametrize("login", SHELLS)
def test_a_sudo_that_asks_gets_its_password_and_the_program_its_text(
    sudo: dict[str, str], login: str
) -> None:
    Path(sudo["ASKS"]).touch()
    shell = Shell(sudo=True, password="pa ss")
    output = run("echo out; exit 5", shell, login=login, environ=sudo)
    assert (output.status, output.stdout) == (5, b"out\n")
    assert set(Path(sudo["ASKS"]).read_text().splitlines()) == {"pa ss"}


@pytest.mark.parametrize("login", SHELLS)
def test_a_wrong_password_is_one_attempt_and_nothing_else_goes_to_sudo(
    sudo: dict[str, str], login: str
) -> None:
    Path(sudo["ASKS"]).touch()
    shell = Shell(sudo=True, password="wrong", source="env:SP")
    silence = sent("echo first line\necho second\n", shell, login=login, environ=sudo)
    assert isinstance(silence, NotBegun)
    assert silence.password_refused
    assert Path(sudo["ASKS"]).read_text() == "wrong\n"
    error = refusal(silence, shell, ACCOUNT)
    assert error.exit_code is ExitCode.REFUSED
    assert error.message == ("rig-a: the password from env:SP is wrong: sudo refused it for rig")


@pytest.mark.parametrize("login", SHELLS)
def test_a_sudo_that_reads_ahead_takes_nothing_from_the_program(
    sudo: dict[str, str], login: str
) -> None:
    """sudo-rs reads its standard input 8 KiB at a time and throws away what it has too much."""
    Path(sudo["ASKS"]).touch()
    ahead = SUDO.replace("IFS= read -r word", "word=$(dd bs=8192 count=1 2>&- | head -n 1)")
    assert ahead != SUDO
    (Path(sudo["ASKS"]).parent / "sudo").write_text(ahead)
    for program in ("echo out; exit 5", f"# {'x' * 20_000}\necho out; exit 5"):
        output = run(program, Shell(sudo=True, password="pa ss"), login=login, environ=sudo)
        assert (output.status, output.stdout) == (5, b"out\n")


#: sudo-rs takes the end of its input for an empty password, and what is too long for none.
SUDO_RS = SUDO.replace(
    "|| { echo 'sudo: no password was provided' >&2; break; }",
    "|| [ ${#word} -lt 512 ] || { echo 'sudo: incorrect password attempt' >&2; exit 1; }",
)


@pytest.mark.parametrize("login", SHELLS)
def test_a_sudo_that_takes_no_input_for_an_empty_password_is_asked_once(
    sudo: dict[str, str], login: str
) -> None:
    Path(sudo["ASKS"]).touch()
    (Path(sudo["ASKS"]).parent / "sudo").write_text(SUDO_RS)
    as_rs = {**sudo, "VERSION": "sudo-rs 0.2.5"}
    shell = Shell(sudo=True, password="wrong", source="env:SP")
    silence = sent("echo first line", shell, login=login, environ=as_rs)
    assert isinstance(silence, NotBegun)
    assert Path(sudo["ASKS"]).read_text() == "wrong\n"
    assert "the password from env:SP is wrong" in refusal(silence, shell, ACCOUNT).message
    right = Shell(sudo=True, password="pa ss")
    assert run("echo out; exit 5", right, login=login, environ=as_rs).status == 5


def test_a_sudo_that_does_not_ask_never_sees_the_password(sudo: dict[str, str]) -> None:
    shell = Shell(sudo=True, password="pa ss")
    assert run("echo out; exit 5", shell, environ=sudo) == Output(5, b"out\n", b"")


def test_a_sudo_that_refuses_says_why(sudo: dict[str, str]) -> None:
    Path(sudo["ASKS"]).touch()
    silence = sent("echo out", Shell(sudo=True), environ=sudo)
    assert silence == NotBegun(1, "sudo: a password is required", shell_ran=True)


@pytest.mark.parametrize(
    "noise",
    [
        "echo 'Welcome, mind the sudo rules'",
        "echo 'Welcome, mind the sudo rules' >&2",
        "printf 'no newline at its end'; printf 'nor here' >&2",
        "head -c 300000 /dev/zero; head -c 300000 /dev/zero >&2",
    ],
)
def test_what_a_login_shell_prints_is_no_part_of_an_answer(tmp_path: Path, noise: str) -> None:
    (tmp_path / "rc").write_text(f"{noise}\n")
    shell = Shell()
    done = subprocess.run(
        ["bash", "-c", f". {tmp_path}/rc; {shell.command(30)}"],
        input=shell.stdin("id -u; echo err >&2; exit 3"),
        capture_output=True,
        timeout=60,
        check=False,
    )
    answer = unframed(Output(done.returncode, done.stdout, done.stderr))
    assert answer == Output(3, f"{os.getuid()}\n".encode(), b"err\n")


def test_the_status_is_the_programs_own_even_where_a_login_shell_has_another() -> None:
    shell = Shell()
    done = subprocess.run(
        ["bash", "-c", f"{shell.command(30)}; echo 'sh ended with 7' >&2; exit 2"],
        input=shell.stdin("echo out; exit 7"),
        capture_output=True,
        timeout=60,
        check=False,
    )
    answer = unframed(Output(done.returncode, done.stdout, done.stderr))
    assert answer == Output(7, b"out\n", b"")


def test_a_password_is_shown_in_no_representation() -> None:
    assert "pa ss" not in repr(Shell(sudo=True, password="pa ss"))
