"""Values of the base layer follow the rules of the programs that read them on the host."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from declaration.host import Connection, HostSpec
from declaration.system import Base


@pytest.mark.parametrize(
    "base",
    [
        {"user": {"name": "serve-b70", "home": "/srv/b70", "shell": "/bin/bash"}},
        {"journal": {"system_max_use": "1.5T"}},
        {"time_sync": {"servers": ["ntp.example.net", "192.0.2.1", "2001:db8::1"]}},
        {"sysctl": {"vm.swappiness": 1, "net.ipv4.conf.eth0/1.forwarding": "0"}},
        {
            "sysctl": {
                "net.ipv4.tcp_rmem": "4096 87380 6291456",
                "kernel.core_pattern": "|/bin/x %p",
            }
        },
        {"limits": {"memlock": 0}},
    ],
)
def test_what_its_program_reads_is_accepted(base: dict[str, Any]) -> None:
    Base.model_validate(base)


@pytest.mark.parametrize(
    ("base", "said"),
    [
        ({"user": {"name": "B70 Serve"}}, "is not a user or group name"),
        ({"user": {"name": ""}}, "is not a user or group name"),
        ({"user": {"groups": ["render,video"]}}, "is not a user or group name"),
        ({"user": {"home": "var/lib/b70"}}, "is not a plain absolute path"),
        ({"user": {"shell": "/bin/bash:x"}}, "is not a path that can stand in /etc/passwd"),
        ({"journal": {"system_max_use": "2GB"}}, "is not a size for journald"),
        ({"journal": {"system_max_use": "2 GiB"}}, "is not a size for journald"),
        ({"journal": {"system_max_use": "2G\nStorage=none"}}, "is not a size for journald"),
        ({"time_sync": {"servers": ["ntp.example.net iburst"]}}, "contains U+0020 SPACE"),
        ({"time_sync": {"servers": ["ntp.example.net\nNTP=x"]}}, "contains U+000A"),
        ({"sysctl": {"vm.swappiness = 1": 1}}, "is not a kernel setting"),
        ({"sysctl": {"../../etc/passwd": "x"}}, "is not a kernel setting"),
        ({"sysctl": {"swappiness": "1"}}, "is not a kernel setting"),
        ({"sysctl": {"vm.swappiness": "1\nkernel.panic = 0"}}, "on one line"),
        ({"sysctl": {"vm.swappiness": ""}}, "on one line"),
        ({"sysctl": {"vm.swappiness": True}}, "valid integer"),
        ({"limits": {"memlock": -1}}, "greater than or equal to 0"),
        ({"limits": {"nofile": True}}, "valid integer"),
    ],
)
def test_what_its_program_would_misread_is_refused(base: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError) as raised:
        Base.model_validate(base)
    assert said in str(raised.value)


def host(*units: str) -> HostSpec:
    return HostSpec(name="a", connection=Connection(address="x"), serving_units=units)


@pytest.mark.parametrize("unit", ["vllm.service", "vllm@*.service", "llama*", "a-[0-9].scope"])
def test_a_unit_that_serves_is_a_name_or_a_glob(unit: str) -> None:
    assert host(unit).serving_units == (unit,)


@pytest.mark.parametrize("unit", ["vllm", "vllm.servise", "", "vllm.service other.service"])
def test_a_unit_that_could_never_be_found_serving_is_refused(unit: str) -> None:
    with pytest.raises(ValidationError, match="a unit's name or a glob over such"):
        host(unit)
