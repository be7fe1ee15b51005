"""What a declaration names outside of its YAML is looked at before any contact."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from fleet.base.errors import ConfigError
from fleet.config import load, outside
from tests.places import FIXTURES
from tests.unit.fleet.config.config_cases import loaded, write
from tests.unit.fleet.config.test_inventory_cli import run

#: 2026-01-01 and a day, in seconds since 1970
NOW = 1_767_225_600.0
DAY = 86_400.0
FINGERPRINTS = {
    "expired": "4F87B177ED699E61FB9F67795B35F0AF4649E77F",
    "revoked": "42FB876B7BE7FE27BA9ABCA6EBD071E2B306FABA",
    "subkey": "43468DCE26A419014DB132A59D97601FECA918CF",
    "extended": "54B1F919FA753241A81988B0DB572549EDDDF581",
    "endless": "5F3F46A92B8EBD97031CDF71ED614C94F028B4F8",
}


def said(folder: Path, record: str, now: float = NOW) -> list[str]:
    fleet = loaded(folder, f"hosts:\n  a:\n    address: a\n    {record}\n")
    return [str(problem) for problem in outside.wrong(fleet, now)]


def source(folder: Path, name: str, url: str = "") -> str:
    write(folder, {f"keys/{name}.asc": (FIXTURES / "openpgp" / f"{name}.asc").read_text()})
    key = f"fingerprint: {FINGERPRINTS[name]}, file: keys/{name}.asc, url: '{url}'"
    return (
        "apt: {sources: {x: {uris: ['https://apt.example.net/x'], suites: [all], "
        f"components: [main], key: {{{key}}}}}}}}}"
    )


def test_a_private_key_is_accepted(bare: Path) -> None:
    command = ["ssh-keygen", "-q", "-N", "", "-t", "ed25519", "-f", str(bare / "id")]
    subprocess.run(command, check=True, timeout=60)
    assert said(bare, "key: id") == []
    text = "is a public key; name the private one in the inventory: the file without .pub"
    assert said(bare, "key: id.pub") == [f"hosts.yaml:4:10: a.key: {bare}/id.pub {text}"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, "no such file; name the key that the host knows, or leave `key` out"),
        ("PuTTY-User-Key-File-3: ssh-ed25519\n", " -O private-openssh -o "),
        ("hunter2\n", "is no private key"),
        ("", "is no private key"),
    ],
)
def test_a_key_file_that_is_no_private_key_is_named_and_never_shown(
    bare: Path, text: str | None, expected: str
) -> None:
    if text is not None:
        (bare / "id").write_text(text)
    (found,) = said(bare, "key: id")
    assert expected in found
    assert "hunter2" not in found


def test_a_folder_is_no_key_and_an_ssh_config_must_be_there(bare: Path) -> None:
    (bare / "id").mkdir()
    found = said(bare, "key: id\n    ssh_config: conf")
    assert found[0].endswith(f"a.key: {bare}/id: not a file")
    assert found[1] == f"hosts.yaml:5:17: a.ssh_config: {bare}/conf: no such file"


@pytest.mark.parametrize(
    ("name", "over"),
    [
        ("expired", "the key expired on 2021-12-31"),
        ("subkey", "the key expired on 2022-12-31"),
        ("revoked", "the key was revoked on 2020-01-01"),
    ],
)
def test_a_repository_key_that_is_over_is_named_with_the_way_to_the_next(
    bare: Path, name: str, over: str
) -> None:
    (found,) = said(bare, source(bare, name, "https://apt.example.net/key"))
    assert found.startswith("hosts.yaml:4:")
    assert found.endswith(
        f"a.apt.sources.x.key: {over}: apt refuses what it signed; get the present one from "
        f"https://apt.example.net/key, save it as keys/{name}.asc, and compare its fingerprint"
    )
    assert "whoever runs https://apt.example.net/x" in said(bare, source(bare, name))[0]


def test_a_key_file_that_holds_another_key_is_named_with_both_fingerprints(bare: Path) -> None:
    record = source(bare, "endless").replace(FINGERPRINTS["endless"], FINGERPRINTS["expired"])
    (found,) = said(bare, record)
    assert f"declared is {FINGERPRINTS['expired']}, found is {FINGERPRINTS['endless']}" in found


def test_a_key_that_ends_soon_is_worth_a_word_and_no_mistake(bare: Path) -> None:
    end = 1_874_851_200.0  # 2029-05-31
    record = source(bare, "extended")
    assert said(bare, record, end - 2 * DAY) == []
    fleet = loaded(bare, f"hosts:\n  a: {{address: a, {record}}}\n  b: {{address: b, {record}}}\n")
    (word,) = outside.words(fleet, end - 20 * DAY)
    assert word.startswith("the key of apt source x expires on 2029-05-30; get the present one")
    assert outside.words(fleet, end - 200 * DAY) == []


def test_check_refuses_all_of_it_at_once_and_a_plan_is_not_stopped_by_another_hosts_key(
    bare: Path,
) -> None:
    hosts = "hosts:\n  a: {address: a, key: gone}\n  b: {address: b, key: gone-too}\n"
    write(bare, {"hosts.yaml": hosts})
    error = run(bare, "check").exception
    assert isinstance(error, ConfigError)
    assert [line.split(": ")[1] for line in error.message.splitlines()] == ["a.key", "b.key"]
    assert run(bare, "list").exit_code == 0


def test_a_source_without_a_key_is_named_with_the_way_to_one(bare: Path) -> None:
    uri, key = "uris: ['https://apt.example.net/x'], suites: [all], components: [main]", "A" * 40
    (found,) = said(bare, f"apt: {{sources: {{b: {{{uri}, key: {{fingerprint: {key}}}}}}}}}")
    assert found.partition(": ")[2] == (
        "a.apt.sources.b.key: no key yet: "
        "get it from whoever runs https://apt.example.net/x, declare key.file"
    )


def test_the_keys_that_the_products_own_sources_need_are_named_with_commands(
    tmp_path: Path,
) -> None:
    (tmp_path / "hosts.yaml").write_text("hosts:\n  a: {address: a}\n")
    found = [str(problem) for problem in outside.wrong(load(tmp_path), NOW)]
    assert len(found) == 2
    for name, text in zip(("intel-graphics", "oneapi"), found, strict=True):
        file = tmp_path / f"keys/{name}.asc"
        assert f"no key yet: curl -fsS --create-dirs -o {file} " in text
