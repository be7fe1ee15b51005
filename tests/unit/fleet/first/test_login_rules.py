"""Whether an account could log in, out of what sshd answers about it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fleet.first.account import KeysFile
from fleet.first.login_rules import Rules, keys_file, obstacles, parse
from tests.unit.fleet.first.stub_host import SSHD

THERE = {
    "uid": "1001",
    "home": "/home/b70fleet",
    "shell": "/bin/sh",
    "groups": "b70fleet ssh",
    "locked": "no",
}


def rules(sshd: str = SSHD, **seen: str) -> Rules:
    """Return what a host says; words with a line each."""
    lines = [f"{word}\t{text}" for word, text in ({"client": "192.0.2.1"} | seen).items()]
    lines += [f"sshd\t{line}" for line in sshd.splitlines()]
    return parse("b70fleet", "\n".join(lines))


def changed(option: str, value: str) -> str:
    """Return sshd's answer with another value of an option."""
    kept = [line for line in SSHD.splitlines() if line.split()[0] != option]
    return "\n".join([*kept, f"{option} {value}"])


def said(given: Rules, key_type: str = "ssh-ed25519") -> str:
    return "; ".join(each.text for each in obstacles(given, key_type))


@pytest.mark.parametrize("account", [{}, THERE], ids=["new", "there"])
def test_a_usual_sshd_lets_a_usual_account_in(account: dict[str, str]) -> None:
    assert obstacles(rules(**account), "ssh-ed25519") == []
    assert keys_file(rules(**account)) == KeysFile("/home/b70fleet/.ssh/authorized_keys", True)


@pytest.mark.parametrize(
    ("sshd", "what"),
    [
        ("allowusers root", "AllowUsers root"),
        ("allowusers root\nallowusers admin", "AllowUsers root admin"),
        ("allowusers b70fleet@10.0.0.0/8", "AllowUsers"),
        ("allowusers b70*@!192.0.2.1,192.0.2.*", "AllowUsers"),
        ("denyusers b70*", "DenyUsers b70*"),
        ("denyusers b70fleet@192.0.2.?", "DenyUsers"),
        ("denygroups b70fleet", "DenyGroups b70fleet"),
        ("allowgroups admins", "AllowGroups admins"),
        (changed("pubkeyauthentication", "no"), "PubkeyAuthentication no"),
        (changed("authenticationmethods", "publickey,keyboard-interactive"), "AuthenticationM"),
        (changed("authenticationmethods", "password publickey,password"), "AuthenticationMethods"),
        (changed("pubkeyacceptedalgorithms", "ecdsa-sha2-nistp256"), "no key of type ssh-ed25519"),
        (changed("authorizedkeysfile", "none"), "AuthorizedKeysFile none"),
        (changed("authorizedkeysfile", "/etc/ssh/keys"), "AuthorizedKeysFile /etc/ssh/keys"),
        (changed("forcecommand", "internal-sftp"), "ForceCommand internal-sftp"),
        (changed("chrootdirectory", "/srv/jail"), "ChrootDirectory /srv/jail"),
    ],
    ids=lambda text: text.splitlines()[-1],
)
def test_what_keeps_an_account_out_is_named(sshd: str, what: str) -> None:
    text = sshd if "pubkeyauthentication" in sshd else f"{SSHD}{sshd}"
    assert what in said(rules(text))
    assert all(each.remedy for each in obstacles(rules(text), "ssh-ed25519"))


@pytest.mark.parametrize(
    "sshd",
    [
        "allowusers root\nallowusers b70fleet",
        "allowusers b70fl??t@192.0.2.0/24",
        "allowusers *@192.0.2.1",
        "denyusers b70fleet@10.0.0.0/8",
        "denyusers b70",
        "allowgroups b70*",
        changed("authenticationmethods", "publickey,password publickey"),
    ],
)
def test_what_lets_an_account_in_is_no_obstacle(sshd: str) -> None:
    text = sshd if "pubkeyauthentication" in sshd else f"{SSHD}{sshd}"
    assert said(rules(text)) == ""


def test_an_account_that_is_there_is_judged_by_its_own_groups() -> None:
    assert said(rules(f"{SSHD}allowgroups ssh", **THERE)) == ""
    assert "AllowGroups ssh" in said(rules(f"{SSHD}allowgroups ssh"))


def test_a_locked_account_is_kept_out_only_without_pam() -> None:
    locked = THERE | {"locked": "yes"}
    assert said(rules(**locked)) == ""
    assert "is locked" in said(rules(changed("usepam", "no"), **locked))
    assert said(rules(changed("usepam", "no"))) == "", "a new account is not made locked"


def test_root_is_let_in_by_its_own_option_and_needs_no_rule_for_sudo() -> None:
    def of_root(value: str) -> Rules:
        return replace(rules(f"{SSHD}permitrootlogin {value}", sudoers="x y"), account="root")

    assert "PermitRootLogin no" in said(of_root("no"))
    assert said(of_root("without-password")) == ""
    assert "permitrootlogin" not in said(rules(f"{SSHD}permitrootlogin no")).lower()


def test_an_rsa_key_may_sign_in_the_newer_ways() -> None:
    assert said(rules(), "ssh-rsa") == ""
    assert "ssh-rsa" in said(rules(changed("pubkeyacceptedalgorithms", "ssh-ed25519")), "ssh-rsa")


@pytest.mark.parametrize(
    ("seen", "what"),
    [
        ({"missing": "sudo"}, "sudo is missing"),
        ({"nologin": "/run/nologin"}, "/run/nologin"),
        ({"sudoers": "other ALL=(ALL) NOPASSWD: ALL"}, "other ALL=(ALL) NOPASSWD: ALL"),
        ({"sudoers": "b70fleet ALL=(ALL) ALL"}, "b70fleet ALL=(ALL) ALL"),
        ({**THERE, "shell": "/usr/sbin/nologin"}, "its shell is /usr/sbin/nologin"),
        ({"refused": "255"}, "UNKNOWN"),
    ],
    ids=["no-sudo", "nologin", "somebody-elses-rule", "a-rule-that-asks", "no-shell", "silent"],
)
def test_what_the_host_lacks_is_named(seen: dict[str, str], what: str) -> None:
    assert what in said(rules(**seen))


def test_a_rule_that_is_enough_is_left_as_it_is() -> None:
    assert said(rules(sudoers="b70fleet ALL=(ALL) NOPASSWD: ALL")) == ""


@pytest.mark.parametrize("answer", ["", "sshd: unknown option -- T", "port 22"])
def test_an_answer_that_cannot_be_read_is_unknown(answer: str) -> None:
    assert "UNKNOWN" in said(rules(answer))


def test_a_connection_that_nobody_sees_the_end_of_is_unknown() -> None:
    assert "UNKNOWN" in said(parse("b70fleet", f"sshd\t{SSHD}"))


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("/etc/ssh/keys/%u", KeysFile("/etc/ssh/keys/b70fleet", False)),
        ("/etc/ssh/keys /srv/%u/keys", KeysFile("/srv/b70fleet/keys", False)),
        ("%h/.keys", KeysFile("/home/b70fleet/.keys", True)),
        ("/srv/%%/%u", KeysFile("/srv/%/b70fleet", False)),
        ("/srv/%U /srv/%u", KeysFile("/srv/b70fleet", False)),
        ("/etc/ssh/keys", None),
        ("none", None),
    ],
)
def test_the_key_goes_into_a_file_of_this_account_alone(
    pattern: str, found: KeysFile | None
) -> None:
    assert keys_file(rules(changed("authorizedkeysfile", pattern))) == found
