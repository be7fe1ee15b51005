"""Reachable mirrors."""

from __future__ import annotations

from pathlib import Path

from facts.packages.mirrors import Mirror, Mirrors
from tests.unit.fact_frame import read, run


def test_each_source_has_its_own_verdict() -> None:
    good, bad = read(Mirrors(), {"mirrors": "http://b/dists/noble/\t\nhttp://c/./\tE: no route \n"})
    assert (good.uri, good.suite, good.reachable) == ("http://b/", "noble", True)
    assert (bad.uri, bad.suite, bad.problem) == ("http://c/", "./", "E: no route")
    assert bad.reachable is False
    assert Mirrors().on_demand


def test_apts_own_downloader_tells_a_mirror_that_is_there_from_one_that_is_not(
    tmp_path: Path,
) -> None:
    suite = tmp_path / "mirror/dists/stable"
    suite.mkdir(parents=True)
    (suite / "Release").write_text("Origin: lab\n")
    (tmp_path / "flat").mkdir()
    (tmp_path / "flat/InRelease").write_text("Origin: lab\n")
    (tmp_path / "sources.list").write_text(
        f"deb [trusted=yes] file:{tmp_path}/mirror/ stable main\n"
        f"deb [trusted=yes] file:{tmp_path}/flat/ ./\n"
        f"deb [trusted=yes] file:{tmp_path}/gone/ stable main\n"
    )
    (tmp_path / "apt.conf").write_text(
        f'Dir::Etc::sourcelist "{tmp_path}/sources.list";\nDir::Etc::sourceparts "-";\n'
    )
    mirrors = run(
        Mirrors(), env={"APT_CONFIG": str(tmp_path / "apt.conf"), "TMPDIR": str(tmp_path)}
    )
    assert [(m.uri.removeprefix(f"file:{tmp_path}/"), m.suite, m.reachable) for m in mirrors] == [
        ("flat/", "./", True),
        ("gone/", "stable", False),
        ("mirror/", "stable", True),
    ]
    assert isinstance(mirrors[1], Mirror)
    assert "gone" in mirrors[1].problem
    assert not [path for path in tmp_path.iterdir() if path.name.startswith("tmp")]
