"""An address and a login name are what resolver and SSH client take, named by what is wrong."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from declaration.host import Connection


@pytest.mark.parametrize(
    "address",
    [
        "192.0.2.10", "rig-a", "rig_a.example.net", "RIG-A.example.net.", "2001:db8::5",
        "::ffff:192.0.2.1", "xn--rg-eka.example.net", "10.0.0.3.example.net", "1.example", "3com",
    ],
)  # fmt: skip
def test_a_name_or_an_address_is_accepted(address: str) -> None:
    assert Connection(address=address).address == address


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("fe80::1ff:fe23:4567:890a%eth0", "names an interface of one machine (zone)"),
        ("[2001:db8::5]", "has brackets; write address: '2001:db8::5'"),
        ("[2001:db8::5]:2222", "write address: '2001:db8::5' and port: 2222"),
        ("192.0.2.10:2222", "contains a port; write address: 192.0.2.10 and port: 2222"),
        ("rig-a.example.net:22", "write address: rig-a.example.net and port: 22"),
        ("admin@192.0.2.11", "write address: 192.0.2.11 and user: admin"),
        ("ssh://192.0.2.11", "is an URL"),
        ("10.0.0.300", "is not a possible IPv4 address"),
        ("10.0.0", "is not a possible IPv4 address"),
        ("10.0.0.0x1f", "is not a possible IPv4 address"),
        ("010.000.000.001", "is not a possible IPv4 address"),
        ("2001:db8:::5", "is not a possible IPv6 address"),
        ("2001:db8::5/64", "is not a possible IPv6 address"),
        ("0.0.0.0", "is the address of no single host"),
        ("224.0.0.1", "is the address of no single host"),
        ("", "this one is empty"),
        ("“192.0.2.12”", "contains U+201C LEFT DOUBLE QUOTATION MARK"),
        ("192.0.2.13\u200b", "contains U+200B ZERO WIDTH SPACE"),
        ("rig\u00ada", "contains U+00AD SOFT HYPHEN"),
        ("rig-\u0430.example.net", "contains U+0430 CYRILLIC SMALL LETTER A"),
        ("rig a", "contains U+0020 SPACE"),
        ("rig\x07a", "contains U+0007 a control character"),
        ("rig\u2013a", "contains U+2013 EN DASH"),
        ("-oProxyCommand=x", "'-oProxyCommand=x' cannot be a part of one"),
        ("rig-a-", "cannot be a part of one"),
        ("rig..a", "'' cannot be a part of one"),
        ("a" * 64, "cannot be a part of one"),
        (".".join(["a" * 60] * 5), "a host name has 253 characters at most"),
    ],
)
def test_an_address_that_no_client_can_reach_is_refused(address: str, said: str) -> None:
    with pytest.raises(ValidationError) as raised:
        Connection(address=address)
    assert said in str(raised.value)


@pytest.mark.parametrize("user", ["root", "b70fleet", "_rig", "Rig.Admin", "CORP\\rig", "rig@corp"])
def test_a_login_name_of_a_host_or_of_a_directory_is_accepted(user: str) -> None:
    assert Connection(address="x", user=user).user == user


@pytest.mark.parametrize(
    ("user", "said"),
    [
        ("\u2018admin\u2019", "contains U+2018 LEFT SINGLE QUOTATION MARK"),
        ("\u0430dmin", "contains U+0430 CYRILLIC SMALL LETTER A"),
        ("rig admin", "contains U+0020 SPACE"),
        ("", "is not a login name"),
        ("-l", "is not a login name"),
        ("rig:x", "is not a login name"),
        ("a" * 33, "is not a login name"),
    ],
)
def test_what_is_no_login_name_is_refused(user: str, said: str) -> None:
    with pytest.raises(ValidationError) as raised:
        Connection(address="x", user=user)
    assert said in str(raised.value)
