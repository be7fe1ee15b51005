"""The house: which room may import which, how long a file is, and what never stands in one."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
#: room -> product rooms below it; a room always knows itself
BELOW: dict[str, set[str]] = {
    "declaration": set(),
    "facts": {"declaration"},
    "gates": {"declaration", "facts"},
    "operations": {"declaration", "facts", "gates"},
    "deploys": {"declaration", "facts", "gates", "operations"},
    "fleet": {"declaration", "facts", "gates", "operations", "deploys"},
}
#: beside the product: they may import all of it, and nothing imports them
BESIDE = ("lab", "bench", "tests", "inventory")
#: the only files that know how greenlets and SSH connections work
ENGINE_ROOM = {f"fleet/{name}.py" for name in ("session", "factbatch", "executor", "main")}
#: the only processes of which gevent takes hold
PATCHED = {
    "fleet/main.py",
    "tests/conftest.py",
    "tests/ssh/planted.py",
    "tests/warm.py",
    "bench/worker.py",
}
#: lines of a file: fewer are a fragment, more are two rooms in one
FEWEST, MOST = 20, 400
#: package markers and lists of paths have as many lines as they have entries
LISTS = ("__init__.py", "__main__.py", "_paths.py")
#: one definition that many rooms share, and nothing that belongs to it
SMALL = {
    "bench/stock_inventory.py",
    "fleet/main.py",
    "fleet/base/runid.py",
    "lab/errors.py",
    "lab/grub/errors.py",
    "operations/accepted.py",
    "declaration/base.py",
    "declaration/globs.py",
    "declaration/yamlloader.py",
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
            yield node.module or "."


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


def test_facts_take_only_the_key_reader_and_our_own_paths_from_the_declaration() -> None:
    seen = {module for path in sources("facts") for module in imports(path)}
    assert {module for module in seen if module.split(".")[0] == "declaration"} == {
        "declaration.openpgp"
    }


def test_greenlets_and_ssh_stay_in_the_engine_room() -> None:
    assert importers(PRODUCT, "gevent", "greenlet", "paramiko") <= ENGINE_ROOM


def test_gevent_patches_only_processes_that_begin_with_it() -> None:
    def patches(path: Path) -> bool:
        return any(
            isinstance(node, ast.Attribute) and node.attr == "patch_all"
            for node in ast.walk(tree(path))
        )

    assert {name_of(path) for path in [*CODE, *sources("tests")] if patches(path)} <= PATCHED


def test_no_file_is_a_fragment_or_two_rooms_in_one() -> None:
    lines = {name_of(p): len(p.read_text("utf-8").splitlines()) for p in CODE}
    assert {name: count for name, count in lines.items() if count > MOST} == {}
    short = {name for name, count in lines.items() if count < FEWEST}
    assert {name for name in short if not name.endswith(LISTS)} <= SMALL


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
