"""The house: which room may import which, and what never stands in one."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from declaration.onhost import STATE
from tests.places import ROOT

#: room -> product rooms that it may import, in the order of the house: nobody knows a room below
BELOW: dict[str, set[str]] = {
    "declaration": set(),
    "facts": {"declaration"},
    "gates": {"declaration", "facts"},
    "operations": {"declaration", "facts", "gates"},
    "deploys": {"declaration", "facts", "gates", "operations"},
    "fleet": {"declaration", "facts", "gates", "operations", "deploys"},
}
#: the same inside a room that has rooms; every one of them may import the files beside these rooms
INSIDE: dict[str, dict[str, set[str]]] = {
    "facts": {
        "settings": set(),
        "pci": set(),
        "boot": set(),
        "packages": {"settings"},
        "disks": set(),
        "system": {"settings"},
    },
    "operations": {
        "files": set(),
        "units": set(),
        "accounts": {"files"},
        "settings": set(),
        "apt": {"files"},
        "boot": {"files", "apt"},
        "storage": {"files", "units"},
        "swap": {"files", "storage"},
    },
    "fleet": {
        "base": set(),
        "model": {"base"},
        "host": {"base", "model"},
        "config": {"base", "model"},
        "ledger": {"base", "model"},
        "preflight": {"base", "model"},
        "run": {"base", "model", "host", "config", "ledger", "preflight"},
        "disks": {"base", "model", "host", "config", "ledger", "preflight", "run"},
        "bootsets": {"base", "model", "host", "config", "ledger", "preflight", "run"},
        "first": {"base", "model", "host", "config", "ledger", "preflight", "run"},
        "report": {"base", "model", "ledger", "preflight", "disks", "bootsets"},
        "reference": {"base", "model", "preflight", "report"},
        "cli": {
            *("base", "model", "host", "config", "ledger", "preflight"),
            *("run", "disks", "bootsets", "first", "report", "reference"),
        },
    },
}
#: the two programs of the controller: they may import every room, and no room imports them
ENTRIES = {"fleet/main.py", "fleet/docs.py"}
#: beside the product: they may import all of it, and nothing imports them
BESIDE = ("lab", "bench", "tests", "inventory")
#: the only files that know how greenlets and SSH connections work
ENGINE_ROOM = {
    "fleet/main.py",
    "fleet/host/pyinfra.py",
    "fleet/host/ssh.py",
    "fleet/host/connect.py",
    "fleet/host/failures.py",
    "fleet/host/hostkeys.py",
    "fleet/host/logins.py",
    "fleet/host/route.py",
    "fleet/host/pool.py",
}
#: the only processes of which gevent takes hold
PATCHED = {
    "fleet/main.py",
    "tests/conftest.py",
    "tests/ssh/planted.py",
    "tests/warm.py",
    "bench/worker.py",
}
#: put together here, so that this file is none of its own findings
UNFINISHED = re.compile(r"\b(?:" + "|".join(["TO" + "DO", "FIX" + "ME", "HA" + "CK"]) + r")\b")
LINK = re.compile(r"\]\((?!https?://|#)([^)#\s]+)")


def sources(*folders: str) -> list[Path]:
    return [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]


PRODUCT = sources(*BELOW)
CODE = [*PRODUCT, *sources("lab", "bench")]
EVERYTHING = [
    path
    for folder in (*BELOW, *BESIDE, "group_data", "templates", "docs")
    for path in sorted((ROOT / folder).rglob("*"))
    if path.suffix in {".py", ".sh", ".j2", ".yaml", ".md"}
]


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))


def imports(path: Path) -> Iterator[str]:
    """Yield the imported modules of a file."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module or '.'}.{alias.name}" for alias in node.names)


def importers(files: list[Path], *modules: str) -> set[str]:
    """Return the files that import some of these top-level modules."""
    return {
        name_of(path)
        for path in files
        if any(module.split(".")[0] in modules for module in imports(path))
    }


def test_imports_point_one_way() -> None:
    for room, below in BELOW.items():
        above = set(BELOW) - below - {room}
        assert importers(sources(room), *above, *BESIDE) == set(), room


@pytest.mark.parametrize("house", INSIDE)
def test_imports_point_one_way_inside_a_room_with_rooms(house: str) -> None:
    ways = INSIDE[house]
    folders = {path.name for path in (ROOT / house).iterdir() if (path / "__init__.py").exists()}
    assert folders == set(ways)
    for room, known in ways.items():
        for path in sources(f"{house}/{room}"):
            names = {m.split(".")[1] for m in imports(path) if m.startswith(f"{house}.")}
            assert names & set(ways) <= known | {room}, name_of(path)


@pytest.mark.parametrize("ways", [BELOW, *INSIDE.values()], ids=["house", *INSIDE])
def test_a_room_knows_only_rooms_that_stand_before_it(ways: dict[str, set[str]]) -> None:
    rooms = list(ways)
    for number, (room, known) in enumerate(ways.items()):
        assert known <= set(rooms[:number]), room


def test_the_files_beside_the_rooms_know_none_of_them() -> None:
    for house, ways in INSIDE.items():
        for path in sorted((ROOT / house).glob("*.py")):
            names = {m.split(".")[1] for m in imports(path) if m.startswith(f"{house}.")}
            assert not names & set(ways) or name_of(path) in ENTRIES, name_of(path)


def test_no_room_imports_an_entry_of_the_controller() -> None:
    entries = {name.removesuffix(".py").replace("/", ".") for name in ENTRIES}
    for path in PRODUCT:
        seen = {".".join(module.split(".")[:2]) for module in imports(path)}
        assert not seen & entries, name_of(path)


def test_facts_take_only_the_key_reader_and_our_own_paths_from_the_declaration() -> None:
    seen = {module for path in sources("facts") for module in imports(path)}
    below = {".".join(m.split(".")[:2]) for m in seen if m.startswith("declaration.")}
    assert below == {"declaration.onhost", "declaration.openpgp"}


def texts(path: Path) -> Iterator[str]:
    """Yield the strings of a file that are no docstrings; parts of f-strings are strings too."""
    nodes = list(ast.walk(tree(path)))
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    told = {ast.get_docstring(node, clean=False) for node in nodes if isinstance(node, documented)}
    found = (node.value for node in nodes if isinstance(node, ast.Constant))
    yield from (text for text in found if isinstance(text, str) and text not in told)


def below_our_folder(path: Path) -> bool:
    """Return True if a file names a path below our folder, or makes one from its name."""
    made = any(
        isinstance(part, ast.FormattedValue) and ast.unparse(part.value).split(".")[-1] == "STATE"
        for node in ast.walk(tree(path))
        if isinstance(node, ast.JoinedStr)
        for part, behind in zip(node.values, node.values[1:], strict=False)
        if isinstance(behind, ast.Constant) and str(behind.value).startswith("/")
    )
    return made or any(STATE in text for text in texts(path))


def test_one_module_names_the_paths_below_our_folder_on_a_host() -> None:
    assert {name_of(p) for p in PRODUCT if below_our_folder(p)} == {"declaration/onhost.py"}
    shell = [path for room in BELOW for path in (ROOT / room).rglob("*.sh")]
    assert {name_of(p) for p in shell if STATE in p.read_text("utf-8")} == set()


def test_greenlets_and_ssh_stay_in_the_engine_room() -> None:
    assert importers(PRODUCT, "gevent", "greenlet", "paramiko") <= ENGINE_ROOM


def test_gevent_patches_only_processes_that_begin_with_it() -> None:
    def patches(path: Path) -> bool:
        return any(
            isinstance(node, ast.Attribute) and node.attr == "patch_all"
            for node in ast.walk(tree(path))
        )

    assert {name_of(path) for path in [*CODE, *sources("tests")] if patches(path)} <= PATCHED


def test_the_product_checks_with_errors_never_with_assert() -> None:
    asserting = {
        name_of(path)
        for path in CODE
        if any(isinstance(node, ast.Assert) for node in ast.walk(tree(path)))
    }
    assert asserting == set()


def test_every_module_says_what_its_room_is_for() -> None:
    assert {name_of(path) for path in CODE if not ast.get_docstring(tree(path))} == set()


def test_nothing_is_left_for_later_and_nothing_names_the_machine_it_was_written_on() -> None:
    for path in EVERYTHING:
        text = path.read_text("utf-8")
        assert not UNFINISHED.search(text), name_of(path)
        assert f"{ROOT}/" not in text, name_of(path)


@pytest.mark.parametrize("page", ["README.md", *(f"docs/{p.name}" for p in ROOT.glob("docs/*.md"))])
def test_links_between_pages_lead_somewhere_inside_the_checkout(page: str) -> None:
    for link in LINK.findall((ROOT / page).read_text("utf-8")):
        target = (ROOT / page).parent / link
        assert target.resolve().is_relative_to(ROOT), link
        assert target.exists(), link


def test_a_result_names_the_error_type_that_explains_it() -> None:
    written = re.compile(r"""error_id\s*=\s*["'][a-z]""")
    assert {name_of(p) for p in PRODUCT if written.search(p.read_text("utf-8"))} == set()
