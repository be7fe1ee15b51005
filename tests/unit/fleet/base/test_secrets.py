"""Resolving references: each source, each way it can fail, and no value in any message."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from declaration.secret import MASK, SecretRef
from fleet.base.errors import FleetError
from fleet.base.exitcodes import ExitCode
from fleet.base.secrets import Redactor, Secrets, SecretUnavailable

PLANTED = "tr0ub4dor&3"


def secrets(directory: Path, **environ: str) -> Secrets:
    return Secrets(directory, redactor=Redactor(), environ=environ)


def python(code: str) -> SecretRef:
    return SecretRef(cmd=(sys.executable, "-c", code))


def test_an_environment_variable_is_read(tmp_path: Path) -> None:
    assert secrets(tmp_path, RIG=PLANTED)(SecretRef(env="RIG")).reveal() == PLANTED


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (PLANTED, PLANTED),
        (f"{PLANTED}\n", PLANTED),
        (f"{PLANTED}\r\n", PLANTED),
        (f" {PLANTED} \n", f" {PLANTED} "),
        (f"{PLANTED}\n\n", f"{PLANTED}\n"),
    ],
)
def test_a_file_is_read_without_its_last_newline(
    tmp_path: Path, written: str, expected: str
) -> None:
    (tmp_path / "s").write_text(written, newline="")
    assert secrets(tmp_path)(SecretRef(file="s")).reveal() == expected


def test_a_home_path_is_expanded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "s").write_text(PLANTED)
    assert secrets(Path("/nowhere"))(SecretRef(file="~/s")).reveal() == PLANTED


def test_a_command_gets_its_arguments_without_a_shell(tmp_path: Path) -> None:
    ref = SecretRef(cmd=(sys.executable, "-c", "import sys; print(sys.argv[1])", "$HOME; id"))
    assert secrets(tmp_path)(ref).reveal() == "$HOME; id"


def test_a_reference_is_resolved_once(tmp_path: Path) -> None:
    count = tmp_path / "count"
    ref = python(f"open({str(count)!r}, 'a').write('x'); print('secret')")
    resolve = secrets(tmp_path)
    assert resolve(ref) is resolve(ref)
    assert count.read_text() == "x"


def test_a_resolved_secret_prints_as_a_mask(tmp_path: Path) -> None:
    secret = secrets(tmp_path, RIG=PLANTED)(SecretRef(env="RIG"))
    assert f"{secret} {secret!r}" == f"{MASK} {MASK}"


@pytest.mark.parametrize(
    ("ref", "said"),
    [
        (SecretRef(env="NOT_SET"), "env:NOT_SET: the variable is not set"),
        (SecretRef(env="EMPTY"), "env:EMPTY: the secret is empty"),
        (SecretRef(file="none"), "file:none: cannot read"),
        (SecretRef(file="binary"), "file:binary: the secret is not UTF-8 text"),
        (SecretRef(cmd=("/no/such/program",)), "cannot be run: No such file or directory"),
        (python(f"import sys; print('{PLANTED}'); sys.exit('{PLANTED}')"), "ended with status 1"),
        (python("pass"), "the secret is empty"),
    ],
)
def test_a_secret_that_is_not_there_is_named_by_reference_only(
    tmp_path: Path, ref: SecretRef, said: str
) -> None:
    (tmp_path / "binary").write_bytes(b"\xff" + PLANTED.encode())
    with pytest.raises(SecretUnavailable) as raised:
        secrets(tmp_path, EMPTY="")(ref)
    everything = f"{raised.value.message} {raised.value.hint} {raised.value!r}"
    assert said in raised.value.message
    assert PLANTED not in everything


def test_a_command_that_hangs_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fleet.base.secrets.COMMAND_TIMEOUT_S", 0.3)
    ref = python(f"import time; print('{PLANTED}', flush=True); time.sleep(60)")
    with pytest.raises(SecretUnavailable, match="no answer within") as raised:
        secrets(tmp_path)(ref)
    # the exception of the timeout carries the output so far
    assert raised.value.__suppress_context__


def test_a_missing_secret_is_a_refusal() -> None:
    assert issubclass(SecretUnavailable, FleetError)
    assert SecretUnavailable("x").exit_code is ExitCode.REFUSED


def test_every_resolved_secret_is_known_to_the_redactor(tmp_path: Path) -> None:
    redactor = Redactor()
    Secrets(tmp_path, redactor=redactor, environ={"RIG": PLANTED})(SecretRef(env="RIG"))
    assert redactor.redact(f"password {PLANTED}!") == f"password {MASK}!"
