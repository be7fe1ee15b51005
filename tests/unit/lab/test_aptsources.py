"""Specification of finding the mirror that a computer uses."""

from __future__ import annotations

from lab.aptsources import choose, deb822_style, one_line_style, os_release

ONE_LINE = """
# deb http://old.example/debian bookworm main
deb-src http://a.example/debian bookworm main
deb [arch=amd64 signed-by=/usr/share/keyrings/k.gpg] http://a.example/debian/ bookworm main contrib
deb http://vendor.example/tools stable tools
"""

DEB822 = """
Types: deb
URIs: http://off.example/debian
Suites: bookworm
Components: main
Enabled: no

Types: deb deb-src
# http://commented.example
URIs: http://b.example/debian
Suites: bookworm bookworm-updates
Components: main
Signed-By: /usr/share/keyrings/b.gpg
"""


def never(path: str) -> str:
    raise AssertionError(f"{path} must not be read")


def test_a_one_line_source_gives_its_address_without_a_trailing_slash() -> None:
    line = choose(one_line_style(ONE_LINE), "bookworm", never)
    assert line is not None
    assert line.uri == "http://a.example/debian"
    assert line.signed_by == "/usr/share/keyrings/k.gpg"
    assert line.components == ("main", "contrib")


def test_a_disabled_stanza_and_a_comment_are_no_mirrors() -> None:
    assert {line.uri for line in deb822_style(DEB822)} == {"http://b.example/debian"}


def test_an_updates_suite_is_not_taken_for_the_release() -> None:
    line = choose(deb822_style(DEB822), "bookworm", never)
    assert line is not None
    assert line.suite == "bookworm"


def test_a_mirror_list_is_read_for_its_first_address() -> None:
    lines = deb822_style(
        "Types: deb\nURIs: mirror+file:/etc/apt/mirrors/m.list\nSuites: noble\nComponents: main\n"
    )
    read: list[str] = []

    def listed(path: str) -> str:
        read.append(path)
        return "https://c.example/ubuntu/\nhttps://d.example/ubuntu/\n"

    line = choose(lines, "noble", listed)
    assert line is not None
    assert line.uri == "https://c.example/ubuntu"
    assert read == ["/etc/apt/mirrors/m.list"]


def test_a_release_that_no_source_serves_has_no_mirror() -> None:
    assert choose(one_line_style(ONE_LINE), "trixie", never) is None


def test_an_inline_key_is_not_taken_for_a_keyring_file() -> None:
    text = (
        "Types: deb\nURIs: http://e.example/\nSuites: noble\nComponents: main\nSigned-By:\n"
        " -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n"
    )
    assert [line.signed_by for line in deb822_style(text)] == [""]


def test_os_release_values_lose_their_quotes() -> None:
    assert os_release('ID=debian\nVERSION_CODENAME="trixie"\n')["VERSION_CODENAME"] == "trixie"
