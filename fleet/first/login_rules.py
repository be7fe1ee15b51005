"""May an account log in with a key? Asked of sshd itself, before the account is made.

sshd's own test mode (`sshd -T -C user=...`, sshd(8)) answers with every file, drop-in and Match
block applied. What it cannot answer is UNKNOWN, and then no account is made. Pure but for the text.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from facts.shelltext import shell_text, shell_variables
from fleet.first.account import SUDOERS, KeysFile

_SCRIPT: Final = shell_text(__file__)
#: Key types -> the signatures, one of which sshd must accept (RFC 8332 for RSA).
_SIGNATURES: Final = {"ssh-rsa": ("rsa-sha2-512", "rsa-sha2-256", "ssh-rsa")}
#: Programs that make an account -> Debian's packages.
_PACKAGES: Final = {
    "useradd": "passwd",
    "userdel": "passwd",
    "getent": "libc-bin",
    "sudo": "sudo",
    "visudo": "sudo",
}
#: Shells that end at once.
_NO_SHELL: Final = re.compile(r"/(?:nologin|false|true)$")


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Why the account could not log in.

    Args:
        text: what was seen.
        remedy: what to change on the host.
    """

    text: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Rules:
    """What the host said.

    Args:
        account: the account that was asked about.
        seen: what the host said about it and about itself, by word.
        sudoers: lines of the drop-in; None = there is none.
        sshd: option in lower case -> its words, those of all its lines.
        silence: why sshd's answer is UNKNOWN; empty = it answered.
    """

    account: str
    seen: Mapping[str, str]
    missing: tuple[str, ...] = ()
    sudoers: tuple[str, ...] | None = None
    sshd: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    silence: str = ""

    @property
    def exists(self) -> bool:
        """Return True if the account is there already."""
        return "uid" in self.seen

    @property
    def home(self) -> str:
        """Return the account's home; useradd's usual one for an account that is not there yet."""
        return self.seen.get("home", f"/home/{self.account}")

    @property
    def groups(self) -> tuple[str, ...]:
        """Return the account's groups: a new one has its own alone."""
        return tuple(self.seen.get("groups", self.account).split())

    def option(self, name: str, default: str = "") -> str:
        """Return the value of an option, its words with a space between them."""
        return " ".join(self.sshd.get(name, ())) or default


def ask(account: str) -> str:
    """Return the text that asks the host; it changes nothing."""
    return shell_variables(account=account, sudoers=SUDOERS) + _SCRIPT


def parse(account: str, text: str) -> Rules:
    """Return what the host said to the text above."""
    seen: dict[str, str] = {}
    missing: list[str] = []
    sudoers: list[str] | None = None
    answer: list[str] = []
    for line in text.splitlines():
        word, tab, rest = line.partition("\t")
        if not tab:
            continue
        if word == "sshd":
            answer.append(rest)
        elif word == "missing":
            missing.append(rest)
        elif word == "sudoers":
            sudoers = [*(sudoers or ()), *([rest.strip()] if rest.strip() else ())]
        else:
            seen[word] = rest
    options: dict[str, tuple[str, ...]] = {}
    for line in answer:
        name, _, value = line.partition(" ")
        options[name.lower()] = (*options.get(name.lower(), ()), *value.split())
    silence = ""
    if "client" not in seen:
        silence = "the host does not say from where it sees this connection (SSH_CONNECTION)"
    elif "refused" in seen or not {"pubkeyauthentication", "authorizedkeysfile"} <= options.keys():
        silence = f"sshd -T: {answer[-1] if answer else 'no answer'}"
    return Rules(
        account, seen, tuple(missing), None if sudoers is None else tuple(sudoers), options, silence
    )


def keys_file(rules: Rules) -> KeysFile | None:
    """Return the first file where sshd looks for this account's keys and nobody else's.

    A file without a token in its name is read for every account: a key in it would open all.
    """
    for pattern in rules.option("authorizedkeysfile").split():
        if pattern == "none":
            return None
        path = pattern.replace("%%", "%\0").replace("%h", rules.home).replace("%u", rules.account)
        if "uid" in rules.seen:
            path = path.replace("%U", rules.seen["uid"])
        if "%U" in path:
            continue
        path = path.replace("%\0", "%")
        if not path.startswith("/"):
            return KeysFile(f"{rules.home}/{path}", in_home=True)
        if path != pattern:
            return KeysFile(path, in_home=path.startswith(f"{rules.home}/"))
    return None


def obstacles(rules: Rules, key_type: str) -> list[Obstacle]:
    """Return everything that would keep the account out, or keep it from being made.

    Args:
        key_type: such as `ssh-ed25519`.
    """
    return [*_of_the_host(rules), *_of_the_account(rules), *_of_sshd(rules, key_type)]


def _of_the_host(rules: Rules) -> Iterator[Obstacle]:
    if rules.missing:
        names = " and ".join(rules.missing)
        packages = sorted({_PACKAGES[name] for name in rules.missing})
        yield Obstacle(
            f"{names} {'is' if len(rules.missing) == 1 else 'are'} missing",
            f"apt-get install {' '.join(packages)}",
        )
    if file := rules.seen.get("nologin"):
        yield Obstacle(f"{file} keeps everybody but root out", f"wait for the boot, or rm {file}")
    if rules.account != "root" and rules.sudoers is not None and not _gives_root(rules):
        there = "; ".join(rules.sudoers) or "nothing"
        yield Obstacle(
            f"{SUDOERS} is there and says: {there}",
            f"look at it, then rm {SUDOERS}",
        )


def _gives_root(rules: Rules) -> bool:
    """Return True if the drop-in is about this account alone and asks for no password."""
    name = re.escape(rules.account)
    rule = re.compile(rf"{name}\s+ALL\s*=\s*\(ALL(\s*:\s*ALL)?\)\s*NOPASSWD:\s*ALL")
    lines = [line for line in rules.sudoers or () if not re.match(rf"Defaults:{name}\s", line)]
    return bool(lines) and all(rule.fullmatch(line) for line in lines)


def _of_the_account(rules: Rules) -> Iterator[Obstacle]:
    if not rules.exists:
        return
    shell = rules.seen.get("shell", "")
    if _NO_SHELL.search(shell):
        yield Obstacle(
            f"{rules.account} is there, and its shell is {shell}",
            f"usermod --shell /bin/sh {rules.account}",
        )


def _of_sshd(rules: Rules, key_type: str) -> Iterator[Obstacle]:
    if rules.silence:
        yield Obstacle(
            f"whether sshd would let {rules.account} in is UNKNOWN: {rules.silence}",
            "sshd -T must answer there; `--user` with an account that may log in needs no answer",
        )
        return
    yield from _of_names(rules)
    root = rules.option("permitrootlogin")
    if rules.account == "root" and root in ("no", "forced-commands-only"):
        yield Obstacle(
            f"sshd has PermitRootLogin {root}",
            "leave it so, and let another user come in: user: in the inventory, or --user",
        )
    if rules.option("pubkeyauthentication") == "no":
        yield _option(rules, "PubkeyAuthentication", "yes")
    methods = rules.option("authenticationmethods", "any").split()
    if not {"any", "publickey"} & set(methods):
        yield _option(rules, "AuthenticationMethods", "publickey")
    for name in ("pubkeyacceptedalgorithms", "pubkeyacceptedkeytypes"):
        accepted = rules.option(name).split(",")
        if accepted != [""] and not set(accepted) & set(_SIGNATURES.get(key_type, (key_type,))):
            yield Obstacle(
                f"sshd accepts no key of type {key_type}",
                f"authorize a key of another type with --key: {accepted[0]}",
            )
    if keys_file(rules) is None:
        yield _option(rules, "AuthorizedKeysFile", ".ssh/authorized_keys")
    if rules.option("usepam") == "no" and rules.seen.get("locked") == "yes":
        yield Obstacle(
            f"sshd has UsePAM no, and the account {rules.account} is locked (`!` in /etc/shadow)",
            f"usermod --password '*' {rules.account}",
        )
    for name, shown in (("forcecommand", "ForceCommand"), ("chrootdirectory", "ChrootDirectory")):
        if rules.option(name, "none") != "none":
            yield _option(rules, shown, "none")


def _option(rules: Rules, name: str, wanted: str) -> Obstacle:
    said = rules.option(name.lower())
    return Obstacle(
        f"sshd has {name} {said} for {rules.account}",
        f"`Match User {rules.account}` with `{name} {wanted}` at the end of /etc/ssh/sshd_config",
    )


def _of_names(rules: Rules) -> Iterator[Obstacle]:
    """Yield the first of sshd's four lists that keeps the account out, in sshd's own order."""
    client, name = rules.seen["client"], rules.account
    deny, allow = rules.sshd.get("denyusers", ()), rules.sshd.get("allowusers", ())
    if hit := next((p for p in deny if _matches_user(p, name, client)), None):
        yield Obstacle(f"sshd has DenyUsers {hit}", f"take it out of DenyUsers ({_FILES})")
    elif allow and not any(_matches_user(p, name, client) for p in allow):
        yield Obstacle(
            f"sshd has AllowUsers {' '.join(allow)}, and {name} is not among them",
            f"add {name} to AllowUsers ({_FILES})",
        )
    deny, allow = rules.sshd.get("denygroups", ()), rules.sshd.get("allowgroups", ())
    groups = rules.groups
    if hit := next((p for p in deny if any(_like(p, group) for group in groups)), None):
        yield Obstacle(f"sshd has DenyGroups {hit}", f"take it out of DenyGroups ({_FILES})")
    elif allow and not any(_like(p, group) for p in allow for group in groups):
        yield Obstacle(
            f"sshd has AllowGroups {' '.join(allow)}, and {name} is in none of them",
            f"add {name} to AllowGroups ({_FILES})",
        )


#: Where the lists stand.
_FILES: Final = "/etc/ssh/sshd_config and sshd_config.d; then: sshd -t && systemctl reload ssh"


def _matches_user(pattern: str, name: str, client: str) -> bool:
    """Return True if a pattern of AllowUsers or DenyUsers means this account from there."""
    user, at, host = pattern.rpartition("@")
    if not at:
        return _like(pattern, name)
    return _like(user, name) and _matches_host(host.split(","), client)


def _matches_host(patterns: Sequence[str], client: str) -> bool:
    """Return True if a list of address patterns means an address; `!` takes away."""
    found = False
    for pattern in patterns:
        negated = pattern.startswith("!")
        if _is_address(pattern.removeprefix("!"), client):
            if negated:
                return False
            found = True
    return found


def _is_address(pattern: str, client: str) -> bool:
    if "/" in pattern:
        try:
            return ipaddress.ip_address(client) in ipaddress.ip_network(pattern, strict=False)
        except ValueError:
            return False
    return _like(pattern.lower(), client.lower())


def _like(pattern: str, word: str) -> bool:
    """Return True if a word fits a pattern of ssh_config(5): only `*` and `?` are special."""
    parts = (".*" if c == "*" else "." if c == "?" else re.escape(c) for c in pattern)
    return re.fullmatch("".join(parts), word) is not None
