"""Where packages come from."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from facts.base import wrap
from facts.packages.apt_sources import AptSources, read_sources
from facts.parts import Parts
from facts.value import ABSENT, Unknown
from tests.places import FIXTURES
from tests.unit.fact_frame import fixture, grep, plant, read, relocated, run_as

FINGERPRINTS = tuple(fixture("apt_sources/fingerprints.txt").split())
KEYRING = (FIXTURES / "apt_sources/two-keys.gpg").read_bytes()
D = "/etc/apt/sources.list.d"
FILES = {
    f"{D}/oneAPI.list": fixture("apt_sources/oneAPI.list"),
    f"{D}/ppa.sources": fixture("apt_sources/ppa-inline-key.sources"),
    f"{D}/ubuntu.sources": fixture("apt_sources/ubuntu.sources"),
}
PARTS: dict[str, str | tuple[str, str]] = {
    "sources": grep(FILES),
    "keyrings": f"/usr/share/keyrings/gone.gpg -\n/a.gpg {base64.b64encode(KEYRING).decode()}\n"
    "/b.gpg !\n/c.gpg >\n/d.gpg AAAA\n",
    "trusted": "/etc/apt/trusted.gpg.d/x.asc\n",
    "lists": "100 /var/lib/apt/lists\n300 /var/lib/apt/lists/partial\n"
    "50 /var/lib/apt/lists/a_InRelease\n900 /var/lib/apt/lists/b_Release\n",
    "preferences": "/etc/apt/preferences.d/b70fleet\n",
    "snapshot": grep({"/etc/apt/apt.conf.d/50snapshot": 'APT::Snapshot "20261001T000000Z";\n'}),
}


def test_one_line_entries_carry_their_options() -> None:
    one, local = (s for s in read(AptSources(), PARTS).sources if s.file == f"{D}/oneAPI.list")
    assert (one.line, one.types, one.uris) == (2, ("deb",), ("https://apt.repos.intel.com/oneapi",))
    assert (one.suites, one.components, one.architectures) == (("all",), ("main",), ("amd64",))
    assert one.signed_by == ("/usr/share/keyrings/oneapi-archive-keyring.gpg",)
    assert (local.uris, local.suites, local.components) == (("file:/srv/local",), ("./",), ())
    assert (local.signed_by, local.options) == ((), {"trusted": "yes"})


def test_deb822_stanzas_carry_lists_over_lines_and_say_whether_they_are_enabled() -> None:
    first, second = (
        s for s in read(AptSources(), PARTS).sources if s.file.endswith("ubuntu.sources")
    )
    assert first.line == 2
    assert first.types == ("deb", "deb-src")
    assert first.suites == ("noble", "noble-updates", "noble-backports")
    assert first.enabled is True
    assert second.enabled is False
    assert second.options == {"snapshot": "20261001T000000Z"}


def test_a_key_written_into_a_source_has_its_fingerprint() -> None:
    (ppa,) = (s for s in read(AptSources(), PARTS).sources if s.file.endswith("ppa.sources"))
    assert ppa.inline_keys == FINGERPRINTS[1:]
    assert ppa.signed_by == ()


def test_a_damaged_inline_key_is_unknown() -> None:
    text = FILES[f"{D}/ppa.sources"].replace("mDME", "mDM!")
    ((ppa,), _) = read_sources(Parts("#b70 s\n" + grep({f"{D}/ppa.sources": text})).files("s"))
    assert isinstance(ppa.inline_keys, Unknown)


def test_keyrings_show_every_key_inside_or_why_not() -> None:
    keyrings = read(AptSources(), PARTS).keyrings
    assert keyrings["/a.gpg"] == FINGERPRINTS
    assert keyrings["/usr/share/keyrings/gone.gpg"] is ABSENT
    assert keyrings["/b.gpg"] == Unknown("needs root")
    assert isinstance(keyrings["/c.gpg"], Unknown)
    assert isinstance(keyrings["/d.gpg"], Unknown)


def test_lists_keep_their_times_and_the_last_refresh_is_known() -> None:
    sources = read(AptSources(), PARTS)
    assert sources.lists == {"a_InRelease": 50, "b_Release": 900}
    assert sources.refreshed == 300
    assert read(AptSources(), {**PARTS, "lists": ""}).refreshed is ABSENT


def test_pins_snapshots_and_globally_trusted_keys_are_named() -> None:
    sources = read(AptSources(), PARTS)
    assert sources.preferences == ("/etc/apt/preferences.d/b70fleet",)
    assert sources.snapshots == ("20261001T000000Z",)
    assert sources.trusted == ("/etc/apt/trusted.gpg.d/x.asc",)


def test_an_unreadable_source_is_named_and_not_forgotten() -> None:
    text = f"{PARTS['sources']}!{D}/secret.list\n"
    assert read(AptSources(), {**PARTS, "sources": text}).denied == (f"{D}/secret.list",)


def test_the_script_fetches_only_keyrings_that_a_source_names(tmp_path: Path) -> None:
    rings = tmp_path / "usr/share/keyrings"
    plant(
        tmp_path,
        {
            f"{D}/a.sources": f"Types: deb\nURIs: http://a.example\nSuites: x\n"
            f"Signed-By: {rings}/a.gpg\n",
            f"{D}/b.list": f"deb [arch=amd64 signed-by={rings}/b.asc,{rings}/gone.gpg] "
            "http://b.example x y\n",
            "etc/apt/preferences.d/pin": "x",
            "etc/apt/apt.conf.d/50s": 'APT::Snapshot "1";\n',
            "etc/apt/trusted.gpg.d/old.gpg": "x",
            "var/lib/apt/lists/a.example_InRelease": "",
            "usr/share/keyrings/b.asc": fixture("apt_sources/ed25519.asc"),
            "usr/share/keyrings/unused.gpg": "x",
            "usr/share/keyrings/huge.gpg": "x" * 20_000,
        },
    )
    (rings / "a.gpg").write_bytes(KEYRING)
    plant(tmp_path, {f"{D}/c.list": f"deb [signed-by={rings}/huge.gpg] http://c.example x y\n"})
    script = relocated(AptSources().script(), tmp_path, "/etc", "/var")
    sources = run_as(AptSources(), wrap(script, 10))
    assert sources.keyrings[f"{rings}/a.gpg"] == FINGERPRINTS
    assert sources.keyrings[f"{rings}/b.asc"] == FINGERPRINTS[1:]
    assert sources.keyrings[f"{rings}/gone.gpg"] is ABSENT
    assert isinstance(sources.keyrings[f"{rings}/huge.gpg"], Unknown)
    assert f"{rings}/unused.gpg" not in sources.keyrings
    assert list(sources.lists) == ["a.example_InRelease"]
    assert sources.preferences == (f"{tmp_path}/etc/apt/preferences.d/pin",)
    assert sources.snapshots == ("1",)
    assert sources.trusted == (f"{tmp_path}/etc/apt/trusted.gpg.d/old.gpg",)


LIST, DEB822 = f"{D}/odd.list", f"{D}/odd.sources"


@pytest.mark.parametrize(
    ("path", "text", "number"),
    [
        (LIST, "dep http://a.example x y", 1),
        (LIST, "deb http://a.example", 1),
        (LIST, "# fine\n\nadd-apt-repository ppa:a/b", 3),
        (LIST, "deb http://caf\udce9.example x y", 1),
        (LIST, "\x00\x00", 1),
        (LIST, "x" * 9000, 1),
        (DEB822, "Types: deb\nURIs http://a.example\nSuites: x", 2),
        (DEB822, "Types: deb\nSuites: x\n", 1),
        (DEB822, " Types: deb", 1),
        (DEB822, "deb http://a.example x y", 1),
    ],
)
def test_one_odd_line_of_apts_sources_is_named_and_the_others_are_read(
    path: str, text: str, number: int
) -> None:
    sources = read(AptSources(), {**PARTS, "sources": PARTS["sources"] + grep({path: text})})
    kept = {source.file for source in sources.sources}
    assert kept - {DEB822} == set(FILES)
    assert (sources.odd[0].place, sources.odd[0].number) == (path, number)


@pytest.mark.parametrize("name", ["ppa (copy).list", "old~.list", "caf\u00e9.sources"])
def test_a_file_of_sources_that_apt_ignores_for_its_name_is_no_source(name: str) -> None:
    text = grep({f"{D}/{name}": "deb http://a.example x y"})
    sources = read(AptSources(), {**PARTS, "sources": f"{PARTS['sources']}{text}"})
    assert {source.file for source in sources.sources} == set(FILES)
    (odd,) = sources.odd
    assert (odd.place, odd.text) == (D, name)


def test_a_cd_is_a_source_whose_name_has_blanks() -> None:
    line = "deb cdrom:[Debian GNU/Linux 13 _Trixie_ - amd64]/ trixie main contrib"
    ((cd,), odd) = read_sources(Parts("#b70 s\n" + grep({LIST: line})).files("s"))
    assert (cd.suites, cd.components) == (("trixie",), ("main", "contrib"))
    assert odd == ()


def test_a_source_with_a_login_does_not_show_it() -> None:
    text = grep({LIST: "dep https://me:hunter2@a.example x"})
    (odd,) = read(AptSources(), {**PARTS, "sources": f"{PARTS['sources']}{text}"}).odd
    assert "hunter2" not in odd.text
