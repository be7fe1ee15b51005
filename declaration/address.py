"""Where a host is and who logs in there: names that resolver, SSH client and known_hosts accept.

Pure: nothing is looked up. What only looks like a name (letters of other scripts, characters that
nobody sees) is refused by its Unicode name.
"""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from typing import Annotated, Final

from pydantic import AfterValidator

#: A label of a host name (RFC 1123, 2.1), with `_`, which names in ssh_config have.
_LABEL: Final = re.compile(r"^[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?$")
#: Longest host name in characters (RFC 1035, 2.3.4, without length bytes).
_LONGEST: Final = 253
#: What a resolver reads as a number: in the last place it makes the whole an IPv4 address.
_NUMBER: Final = re.compile(r"^([0-9]+|0[xX][0-9A-Fa-f]*)$")
_PORT: Final = re.compile(r"^(.*):([0-9]+)$")
#: useradd's names, and with `@`, `\`, `+`, `.` and capitals those of directory services.
_USER: Final = re.compile(r"^[A-Za-z0-9_][A-Za-z0-9_.@\\+-]*\$?$")
#: Longest user name in characters (utmp; useradd's limit).
_USER_LONGEST: Final = 32


def unseen(value: str) -> str:
    """Return the name of the first character that is no visible ASCII one, or an empty text."""
    for char in value:
        if not "!" <= char <= "~":
            return f"U+{ord(char):04X} {unicodedata.name(char, 'a control character')}"
    return ""


def canonical(address: str) -> str:
    """Return the one spelling of an address, to tell whether two are the same."""
    try:
        return str(ipaddress.ip_address(address))
    except ValueError:
        return address.lower().rstrip(".")


def _address(value: str) -> str:
    if not value:
        raise ValueError("an address is a host name or an IP address; this one is empty")
    if strange := unseen(value):
        raise ValueError(f"{value!r} contains {strange}; a host name is ASCII (xn--... if need be)")
    if "://" in value:
        raise ValueError(f"{value!r} is an URL; write the host's name alone")
    if "@" in value:
        user, _, host = value.rpartition("@")
        raise ValueError(f"{value!r} contains a login; write address: {host} and user: {user}")
    if "%" in value:
        raise ValueError(
            f"{value!r} names an interface of one machine (zone); write an address that is the "
            "same from everywhere"
        )
    if value.startswith("["):
        host, _, port = value[1:].partition("]")
        beside = f" and port: {port[1:]}" if port[1:] else ""
        raise ValueError(f"{value!r} has brackets; write address: '{host}'{beside}")
    return _ip(value) if _is_number(value) or ":" in value else _name(value)


def _is_number(value: str) -> bool:
    return bool(_NUMBER.match(value.rpartition(".")[2]))


def _ip(value: str) -> str:
    try:
        address = ipaddress.ip_address(value)
    except ValueError:
        if (port := _PORT.match(value)) and ":" not in port[1]:
            text = f"{value!r} contains a port; write address: {port[1]} and port: {port[2]}"
            raise ValueError(text) from None
        kind = "IPv6" if ":" in value else "IPv4"
        raise ValueError(f"{value!r} is not a possible {kind} address") from None
    if address.is_unspecified or address.is_multicast or value == "255.255.255.255":
        raise ValueError(f"{value!r} is the address of no single host")
    return value


def _name(value: str) -> str:
    labels = value.removesuffix(".").split(".")
    wrong = next((label for label in labels if not _LABEL.match(label)), None)
    if wrong is not None:
        raise ValueError(f"{value!r} is not a host name: {wrong!r} cannot be a part of one")
    if len(value.removesuffix(".")) > _LONGEST:
        raise ValueError(f"a host name has {_LONGEST} characters at most, this one {len(value)}")
    return value


def _user(value: str) -> str:
    if strange := unseen(value):
        raise ValueError(f"{value!r} contains {strange}; it is not a login name")
    if not _USER.match(value) or len(value) > _USER_LONGEST:
        raise ValueError(f"{value!r} is not a login name")
    return value


#: Host name, IPv4 or IPv6 address, without login, port, brackets or zone.
HostAddress = Annotated[str, AfterValidator(_address)]
#: Name of an account.
UserName = Annotated[str, AfterValidator(_user)]
