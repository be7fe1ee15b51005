"""Files, directories, links: the resources that everything else on a host rests on."""

from __future__ import annotations

import hashlib

from pyinfra import host
from pyinfra.api import QuoteString, StringCommand
from pyinfra.api.exceptions import OperationError

from declaration.secret import Secret
from facts.system.files import HASH_LIMIT, TOO_LONG, Stat
from facts.value import Unknown
from operations.files.file_check import check_of
from operations.files.filewrite import FileWrite
from operations.operation import Commands, differs, operation
from operations.require import path_state


def _ownership(state: Stat, path: str, mode: str, user: str, group: str) -> Commands:
    """Yield chown and chmod where they differ (never recursive)."""
    if (state.user, state.group) != (user, group):
        differs("owner", f"{user}:{group}", f"{state.user}:{state.group}")
        yield StringCommand("chown", "-h", "--", QuoteString(f"{user}:{group}"), QuoteString(path))
    if state.mode != mode:
        differs("mode", mode, state.mode)
        yield StringCommand("chmod", "--", QuoteString(mode), QuoteString(path))


@operation()
def file(
    path: str,
    content: str | bytes | Secret,
    mode: str = "0644",
    user: str = "root",
    group: str = "root",
    sensitive: bool = False,
    validate: str = "",
) -> Commands:
    """Write a whole file atomically.

    + path: absolute path; its directory must exist
    + content: text, bytes or a Secret (a Secret makes the file sensitive)
    + mode: four octal digits
    + sensitive: keep content and diff out of plans, reports and logs
    + validate: shell command that must accept `$B70_FILE` before it is renamed into place; where
      none is given, the program that parses such a file whole is asked (file_check.py)
    """
    if isinstance(content, Secret):
        sensitive, content = True, content.reveal()
    data = content.encode() if isinstance(content, str) else content
    if len(data) > HASH_LIMIT:
        raise OperationError(
            f"{len(data)} bytes are declared as the content of {path}; {HASH_LIMIT} are possible"
        )
    state = path_state(path)
    if state is not None and state.kind == "directory":
        raise OperationError(f"{path} is a directory, a file was declared")
    # what is too long to be read is longer than any declared content, so it differs
    if isinstance(state, Stat) and isinstance(state.sha256, Unknown) and state.sha256 != TOO_LONG:
        raise OperationError(f"content of {path} is UNKNOWN: {state.sha256.reason}")
    if state is None or state.sha256 != hashlib.sha256(data).hexdigest():
        _written(state, data, mode, f"{user}:{group}", sensitive=sensitive)
        yield FileWrite(
            path,
            data,
            mode=mode,
            user=user,
            group=group,
            validate=validate or check_of(path),
            sensitive=sensitive,
        )
        return
    yield from _ownership(state, path, mode, user, group)
    if (state.user, state.group, state.mode) == (user, group, mode):
        host.noop(f"content, mode {mode} and owner {user}:{group} are as declared")


def _written(state: Stat | None, data: bytes, mode: str, owner: str, *, sensitive: bool) -> None:
    """Say why a file is written whole; what it holds is in the diff, where that may be shown."""
    if state is None:
        differs("file", f"{len(data)} bytes, mode {mode}, {owner}", None)
        return
    if state.kind != "file":
        differs("kind", "file", _kind(state))
        return
    if sensitive:
        # not even a hash: a short secret is found by trying
        differs("content", "as declared", "another")
    else:
        differs("content", _content(len(data), hashlib.sha256(data).hexdigest()), _of(state))
    if (found := f"{state.user}:{state.group}") != owner:
        differs("owner", owner, found)
    if state.mode != mode:
        differs("mode", mode, state.mode)


def _of(state: Stat) -> str:
    digest = state.sha256
    return _content(state.size, digest if isinstance(digest, str) else "")


def _content(size: int, digest: str) -> str:
    counted = "1 byte" if size == 1 else f"{size} bytes"
    return f"{counted}, sha256 {digest[:8]}" if digest else counted


def _kind(state: Stat) -> str:
    return f"link to {state.target}" if state.kind == "link" else state.kind


@operation()
def directory(path: str, mode: str = "0755", user: str = "root", group: str = "root") -> Commands:
    """Keep a directory with this mode and owner (its content is not touched).

    + path: absolute path; its parent must exist
    """
    state = path_state(path)
    if state is None:
        differs("directory", f"mode {mode}, {user}:{group}", None)
        yield StringCommand(
            "install", "-d", "-m", mode, "-o", QuoteString(user), "-g", QuoteString(group),
            "--", QuoteString(path),
        )  # fmt: skip
        return
    if state.kind != "directory":
        raise OperationError(f"{path} is a {state.kind}, a directory was declared")
    yield from _ownership(state, path, mode, user, group)
    if (state.user, state.group, state.mode) == (user, group, mode):
        host.noop(f"mode {mode} and owner {user}:{group} are as declared")


@operation()
def link(path: str, target: str) -> Commands:
    """Keep a symbolic link, replaced atomically.

    + path: absolute path of the link
    + target: what it points to, verbatim
    """
    state = path_state(path)
    if state is not None and state.kind == "link" and state.target == target:
        host.noop(f"points to {target}")
        return
    if state is not None and state.kind == "directory":
        raise OperationError(f"{path} is a directory, a link was declared")
    if state is None:
        differs("link", f"to {target}", None)
    elif state.kind == "link":
        differs("target", target, state.target)
    else:
        differs("kind", f"link to {target}", state.kind)
    temporary = QuoteString(f"{path}.b70fleet-new")
    yield StringCommand(
        "ln", "-sfn", "--", QuoteString(target), temporary,
        "&&", "mv", "-fT", "--", temporary, QuoteString(path),
    )  # fmt: skip


@operation()
def absent(path: str) -> Commands:
    """Keep a file or link away; a directory is refused, not emptied.

    + path: absolute path
    """
    state = path_state(path)
    if state is None:
        host.noop("is not there")
        return
    if state.kind == "directory":
        raise OperationError(f"{path} is a directory; only files and links are removed")
    differs(state.kind, None, f"{state.size} bytes" if state.kind == "file" else _kind(state))
    yield StringCommand("rm", "-f", "--", QuoteString(path))
