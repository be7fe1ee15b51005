"""The command that a person types on a host to change what sudo allows. Pure."""

from __future__ import annotations


def sudo_line(text: str) -> str:
    """Return the command that adds a line to sudo's rules.

    Of lines that contradict each other the last one counts, so the file sorts behind others. visudo
    wants its mode to be 0440.

    Args:
        text: a line of sudoers(5) without quotes.
    """
    return f"(umask 337; echo '{text}' >> /etc/sudoers.d/zz-b70fleet) && visudo -c"
