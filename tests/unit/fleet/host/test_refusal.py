"""Why a program never began: what hosts really print, and the sentence a person gets."""

from __future__ import annotations

import pytest

from fleet.base.exitcodes import ExitCode
from fleet.host.answer import NotBegun
from fleet.host.refusal import Account, refusal
from fleet.host.shell import Shell

ACCOUNT = Account("rig-a", "rig", "ssh -p 2222 rig@192.0.2.1")
ROOT = Shell(sudo=True)
ASKED = Shell(sudo=True, password="x", source="env:SP")


def by_sudo(said: str, status: int = 1) -> NotBegun:
    return NotBegun(status, said, shell_ran=True)


@pytest.mark.parametrize(
    ("said", "means", "remedy"),
    [
        (
            "sudo: sorry, you must have a tty to run sudo",
            "sudo wants a terminal (requiretty)",
            "echo 'Defaults:rig !requiretty' >> /etc/sudoers.d/zz-b70fleet) && visudo -c",
        ),
        ("sudo: a password is required", "sudo asks rig for a password", "NOPASSWD"),
        ("sudo: interactive authentication is required", "sudo asks rig for a password", "NOPASS"),
        ("sudo: a terminal is required to read the password; either use", "asks rig", "NOPASSWD"),
        ("rig is not in the sudoers file.", "rig may not run commands as root", "rig ALL=(ALL)"),
        ("sudo: I'm sorry rig. I'm afraid I can't do that", "rig may not run", "rig ALL=(ALL)"),
        (
            "Sorry, user rig is not allowed to execute '/usr/bin/timeout' as root on rig-a.",
            "rig may not run commands as root",
            "rig ALL=(ALL)",
        ),
        (
            "timeout: failed to run command 'sh': Permission denied",
            "(noexec)",
            "Defaults:rig !noexec",
        ),
        (
            "sudo: Account or password is expired, reset your password and try again",
            "has expired",
            "chage -l rig",
        ),
        ("sudo: Account expired, contact your system administrator", "has expired", "chage -l rig"),
        ("sh: 1: sudo: not found", "sudo is not there", "apt-get install sudo"),
        ("sh: line 1: sudo: command not found", "sudo is not there", "apt-get install sudo"),
        (
            "sudo: /usr/bin/sudo must be owned by uid 0 and have the setuid bit set",
            "setuid bit",
            "chmod u+s",
        ),
        ("sudo: effective uid is not 0, is /usr/bin/sudo on a file system with", "nosuid", "ls -l"),
        ('sudo: The "no new privileges" flag is set', "NoNewPrivileges", "systemctl show"),
        ("/etc/sudoers.d/x:1:9: syntax error", "cannot use its configuration", "visudo -c"),
        ("sudo-rs: PAM error: Permission denied", "(PAM)", "journalctl -n 20 -t sudo"),
        ("sudo: PAM account management error: Permission denied", "(PAM)", "journalctl"),
        ("sudo: /etc/sudoers is world writable", "cannot use its configuration", "visudo -c"),
    ],
)
def test_what_sudo_says_becomes_its_cause_and_a_next_step(
    said: str, means: str, remedy: str
) -> None:
    error = refusal(by_sudo(said), ROOT, ACCOUNT)
    assert (error.id, error.exit_code) == ("sudo", ExitCode.REFUSED)
    assert error.message.startswith("rig-a: ")
    assert means in error.message
    assert remedy in error.hint


@pytest.mark.parametrize(
    "said",
    [
        "Sorry, try again.\nsudo: no password was provided\nsudo: 1 incorrect password attempt",
        "sudo: Authentication failed, try again.\nsudo: Authentication failed",
        "sudo: 1 incorrect authentication attempt",
    ],
)
def test_a_wrong_password_is_named_by_where_it_comes_from(said: str) -> None:
    silence = NotBegun(1, said, shell_ran=True, password_refused=True)
    error = refusal(silence, ASKED, ACCOUNT)
    assert "the password from env:SP is wrong" in error.message
    assert error.hint.startswith("find the right one: ssh -p 2222 rig@192.0.2.1 -t sudo -k -v")


def test_a_password_that_sudo_never_asked_for_is_not_called_wrong() -> None:
    silence = NotBegun(1, "rig is not in the sudoers file.", True, password_refused=True)
    assert "wrong" not in refusal(silence, ASKED, ACCOUNT).message


def test_a_locked_account_is_no_wrong_password() -> None:
    said = "The account is locked due to 3 failed logins.\nsudo: 1 incorrect password attempt"
    error = refusal(NotBegun(1, said, True, password_refused=True), ASKED, ACCOUNT)
    assert "rig is locked" in error.message
    assert "faillock --user rig --reset" in error.hint


@pytest.mark.parametrize(
    ("said", "means", "remedy"),
    [
        (
            "WARNING: Your password has expired.\nPassword change required but no TTY available.",
            "the password of rig has expired",
            "passwd rig",
        ),
        ("You are required to change your password immediately", "has expired", "passwd rig"),
        ("This account is currently not available.", "runs nothing", "usermod --shell"),
        ("fatal: What do you think I am? A shell?", "is git's", "usermod --shell"),
        ("Your account has expired; please contact your", "the account rig", "chage -E -1 rig"),
        ('"System is booting up. See pam_nologin(8)"', "booting or going down", "wait"),
    ],
)
def test_a_login_that_runs_nothing_is_named_for_what_it_is(
    said: str, means: str, remedy: str
) -> None:
    error = refusal(NotBegun(1, said, shell_ran=False), ROOT, ACCOUNT)
    assert (error.id, error.exit_code) == ("login-shell", ExitCode.UNREACHABLE)
    assert means in error.message
    assert remedy in error.hint


def test_a_greeting_with_the_word_sudo_in_it_blames_no_sudo() -> None:
    said = "Welcome. sudo: a password is required for everything here"
    assert refusal(NotBegun(0, said, shell_ran=False), ROOT, ACCOUNT).id == "login-shell"


def test_words_that_no_row_knows_are_quoted_in_one_printable_line() -> None:
    error = refusal(by_sudo("first\nsudo: \x1b[31msomething new\x07 " + "x" * 999), ROOT, ACCOUNT)
    assert "sudo refused rig: sudo: ?[31msomething new? xxx" in error.message
    assert len(error.message) < 300
    nothing = refusal(NotBegun(9, "", shell_ran=False), Shell(), ACCOUNT)
    assert nothing.message.endswith("no message (exit status 9)")


def test_a_host_without_a_program_that_is_needed_is_not_blamed_on_sudo() -> None:
    error = refusal(by_sudo("sh: 1: timeout: not found", 127), Shell(), ACCOUNT)
    assert error.id == "login-shell"
    assert "timeout: not found" in error.message
