"""Names of systemd's mount and swap units (systemd.unit(5), string escaping). Pure."""

from __future__ import annotations


def from_path(path: str) -> str:
    """Return a path as part of a unit name: `/mnt/fast-ai` -> `mnt-fast\\x2dai`."""
    trimmed = path.strip("/")
    if not trimmed:
        return "-"
    escaped = "".join(_character(char) for char in trimmed)
    return escaped if not escaped.startswith(".") else "\\x2e" + escaped[1:]


def _character(char: str) -> str:
    if char == "/":
        return "-"
    if char.isascii() and (char.isalnum() or char in ":_."):
        return char
    return "".join(f"\\x{byte:02x}" for byte in char.encode())
