"""Writing pins: the wanted value is there, every other byte is as it was."""

from __future__ import annotations

import difflib
import stat
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from fleet.config.edit import CannotEdit, set_value
from fleet.config.layers import data_of
from fleet.config.pins import rewrite, with_host, with_pins
from fleet.config.yaml_marks import parse

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEV4YW1wbGU="
PIN = {"host_keys": [KEY], "machine_id": "0" * 32, "dmi_serial": "0042", "pinned": "2026-11-20"}

HOSTS = """\
# fleet of the garage   (two spaces before this)


hosts:
  rig-b:   # the loud one
    address:    10.0.0.2      # aligned by hand
    groups: [ production,canary ]

    identity:
      machine_id: "11111111111111111111111111111111"   # pinned by hand
      # the board has no serial
    hardware:
      cards:
      - {slot: PCIE1, bdf: '0000:03:00.0'}
      - {slot: PCIE3}   # empty riser
    # end of rig-b

  rig-a: {address: 10.0.0.1, port: 2222}   # flow style

  rig-c:
    address: 10.0.0.3
    identity:
    kind: rig
# the end
"""


def data(text: str) -> object:
    problems: list[object] = []
    node = parse(text, "f", problems)  # type: ignore[arg-type]
    assert problems == []
    return data_of(node)


def changed_lines(before: str, after: str) -> tuple[list[str], list[str]]:
    diff = list(difflib.ndiff(before.splitlines(), after.splitlines()))
    return (
        [line[2:] for line in diff if line.startswith("- ")],
        [line[2:] for line in diff if line.startswith("+ ")],
    )


def pinned(text: str, host: str) -> str:
    for key, value in PIN.items():
        text = set_value(text, ("hosts", host, "identity", key), value)
    return text


def test_a_pin_changes_only_the_lines_of_the_identity() -> None:
    after = pinned(HOSTS, "rig-b")
    gone, came = changed_lines(HOSTS, after)
    assert gone == ['      machine_id: "11111111111111111111111111111111"   # pinned by hand']
    assert came == [
        f'      machine_id: "{"0" * 32}"   # pinned by hand',
        f"      host_keys: [{KEY}]",
        '      dmi_serial: "0042"',
        '      pinned: "2026-11-20"',
    ]


def test_a_comment_that_ends_a_mapping_stays_with_it() -> None:
    lines = pinned(HOSTS, "rig-b").splitlines()
    after = lines.index("      # the board has no serial")
    assert lines[after + 1].startswith("      host_keys:")


def test_a_flow_record_is_edited_within_its_braces() -> None:
    gone, came = changed_lines(HOSTS, pinned(HOSTS, "rig-a"))
    assert gone == ["  rig-a: {address: 10.0.0.1, port: 2222}   # flow style"]
    assert came == [
        f"  rig-a: {{address: 10.0.0.1, port: 2222, identity: {{host_keys: [{KEY}], "
        f'machine_id: "{"0" * 32}", dmi_serial: "0042", pinned: "2026-11-20"}}}}   # flow style'
    ]


def test_an_empty_identity_is_filled_below_its_key() -> None:
    gone, came = changed_lines(HOSTS, pinned(HOSTS, "rig-c"))
    assert gone == []
    assert came[0] == f"      host_keys: [{KEY}]"
    assert len(came) == 4


def test_a_record_without_identity_gets_one_behind_its_last_entry() -> None:
    before = "hosts:\n    rig-a:\n        address: x # note\n\n    rig-b:\n        address: y\n"
    assert set_value(before, ("hosts", "rig-a", "identity", "pinned"), "2026-11-20") == (
        "hosts:\n    rig-a:\n        address: x # note\n"
        '        identity:\n            pinned: "2026-11-20"\n'
        "\n    rig-b:\n        address: y\n"
    )


def test_a_block_list_is_replaced_in_its_own_style() -> None:
    head = "hosts:\n  a:\n    identity:\n      host_keys:\n"
    before = head + "        - old one\n        - old two\n    x: 1\n"
    after = set_value(before, ("hosts", "a", "identity", "host_keys"), ["new a", "new b", "new c"])
    assert after == head + "        - new a\n        - new b\n        - new c\n    x: 1\n"


def test_the_same_value_changes_nothing() -> None:
    once = pinned(HOSTS, "rig-b")
    assert pinned(once, "rig-b") == once


def test_windows_line_ends_and_a_missing_last_newline_stay() -> None:
    before = "hosts:\r\n  a:\r\n    address: x"
    after = set_value(before, ("hosts", "a", "identity", "pinned"), "p")
    assert after == "hosts:\r\n  a:\r\n    address: x\r\n    identity:\r\n      pinned: p"


def test_a_new_host_goes_behind_the_last_one_in_the_files_own_indentation() -> None:
    before = "hosts:\n    a:\n        address: x   # note\n\n# the end\n"
    record = {"address": "10.0.0.9", "groups": ["lab"], "hardware": {"cards": [{"slot": "s1"}]}}
    assert set_value(before, ("hosts", "b"), record) == (
        "hosts:\n    a:\n        address: x   # note\n"
        "    b:\n        address: 10.0.0.9\n        groups: [lab]\n"
        "        hardware:\n            cards:\n                - {slot: s1}\n"
        "\n# the end\n"
    )


@pytest.mark.parametrize(
    "before",
    ["hosts:\n", "hosts: {}\n", "hosts: null\n", "# only this\n", "", "hosts:   # none yet\n"],
)
def test_the_first_host_of_an_empty_fleet_is_added(before: str) -> None:
    after = set_value(before, ("hosts", "a"), {"address": "x"})
    assert data(after) == {"hosts": {"a": {"address": "x"}}}
    assert after.endswith("  a:\n    address: x\n")
    assert all(comment in after for comment in ("# only this", "# none yet") if comment in before)


def test_a_record_that_other_hosts_share_by_anchor_is_not_touched() -> None:
    shared = "hosts:\n  a:\n    address: x\n    identity: &i {pinned: p}\n"
    before = shared + "  b: {address: y, identity: *i}\n"
    with pytest.raises(CannotEdit) as raised:
        set_value(before, ("hosts", "a", "identity", "pinned"), "q")
    assert "pinned: q" in raised.value.hint


def test_an_alias_is_not_replaced_by_a_value_in_another_place() -> None:
    before = "x: &i {pinned: p}\nhosts:\n  a: {address: y, identity: *i}\n"
    with pytest.raises(CannotEdit):
        set_value(before, ("hosts", "a", "identity", "pinned"), "q")


def test_a_value_that_comes_by_a_merge_key_is_written_into_the_record_itself() -> None:
    before = "x: &d\n  user: u\nhosts:\n  a:\n    <<: *d\n    address: y\n"
    after = set_value(before, ("hosts", "a", "user"), "v")
    assert after == before + "    user: v\n"


def test_a_file_that_is_no_yaml_is_not_edited() -> None:
    with pytest.raises(CannotEdit):
        set_value("hosts: [\n", ("hosts", "a"), {"address": "x"})


@pytest.mark.parametrize(
    "word", ["a\u2028b", "\x85", "\ufeffx", "tab\t", "# no comment", "- x", "é", ""]
)
def test_a_word_that_yaml_would_take_apart_is_quoted(word: str) -> None:
    after = set_value(HOSTS, ("hosts", "rig-c", "identity", "dmi_serial"), word)
    assert data(after)["hosts"]["rig-c"]["identity"] == {"dmi_serial": word}  # type: ignore[index]


NAMES = st.sampled_from(["rig-a", "rig-b", "rig-c"])
WORDS = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), max_size=12)
VALUES = WORDS | st.lists(WORDS, max_size=3)
CHANGES = st.lists(st.tuples(NAMES, st.sampled_from(sorted(PIN)), VALUES), max_size=6)


@given(CHANGES)
def test_any_sequence_of_pins_leaves_all_other_data_and_all_comments_alone(
    changes: list[tuple[str, str, object]],
) -> None:
    text, wanted = HOSTS, data(HOSTS)
    assert isinstance(wanted, dict)
    for host, key, value in changes:
        text = set_value(text, ("hosts", host, "identity", key), value)
        record = wanted["hosts"][host]
        record["identity"] = {**(record.get("identity") or {}), key: value}
    assert data(text) == wanted
    for line in HOSTS.splitlines():
        if "#" in line:
            assert line[line.index("#") :] in text


RECORDS = st.dictionaries(
    st.from_regex(r"[a-z]{1,6}", fullmatch=True),
    st.recursive(
        WORDS | st.integers() | st.booleans(),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.from_regex(r"[a-z]{1,6}", fullmatch=True), inner, min_size=1, max_size=3
            )
        ),
        max_leaves=6,
    ),
    min_size=1,
    max_size=4,
)


@given(RECORDS)
def test_any_record_can_be_added_and_is_read_back_as_it_was(record: dict[str, object]) -> None:
    after = set_value(HOSTS, ("hosts", "new"), record)
    before = data(HOSTS)
    assert isinstance(before, dict)
    assert data(after) == {"hosts": {**before["hosts"], "new": record}}
    assert changed_lines(HOSTS, after)[0] == []
    assert yaml.safe_load(after)["hosts"]["new"] == record  # other readers see the same


def pin(file: Path, host: str, identity: Mapping[str, object]) -> None:
    rewrite(file, lambda text: with_pins(text, host, identity), str)


def test_pins_are_written_to_the_file_and_its_mode_is_kept(tmp_path: Path) -> None:
    file = tmp_path / "hosts.yaml"
    file.write_text(HOSTS)
    file.chmod(0o640)
    pin(file, "rig-b", PIN)
    assert file.read_text() == pinned(HOSTS, "rig-b")
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert [path.name for path in tmp_path.iterdir()] == ["hosts.yaml"]


def test_a_linked_hosts_file_stays_a_link(tmp_path: Path) -> None:
    real = tmp_path / "real.yaml"
    real.write_text(HOSTS)
    link = tmp_path / "hosts.yaml"
    link.symlink_to(real)
    pin(link, "rig-b", {"pinned": "2026-11-20"})
    assert link.is_symlink()
    assert "2026-11-20" in real.read_text()


def test_pinning_an_unknown_host_is_refused_and_writes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "hosts.yaml"
    file.write_text(HOSTS)
    with pytest.raises(CannotEdit, match="rig-x is not in"):
        pin(file, "rig-x", PIN)
    assert file.read_text() == HOSTS


def test_adding_a_known_host_is_refused_and_writes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "hosts.yaml"
    file.write_text(HOSTS)
    with pytest.raises(CannotEdit, match="rig-a is already in"):
        rewrite(file, lambda text: with_host(text, "rig-a", {"address": "x"}), str)
    assert file.read_text() == HOSTS


def test_a_failed_write_leaves_the_old_file_and_no_litter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "hosts.yaml"
    file.write_text(HOSTS)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("fleet.base.atomic.os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        pin(file, "rig-b", PIN)
    assert file.read_text() == HOSTS
    assert [path.name for path in tmp_path.iterdir()] == ["hosts.yaml"]


def test_a_text_that_the_judge_refuses_is_not_written(tmp_path: Path) -> None:
    file = tmp_path / "hosts.yaml"
    file.write_text(HOSTS)

    def judge(text: str) -> None:
        assert text == pinned(HOSTS, "rig-b")
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        rewrite(file, lambda text: with_pins(text, "rig-b", PIN), judge)
    assert file.read_text() == HOSTS
