"""A reboot that would start something else is refused, with a reason and a next step."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from declaration.host import HostSpec
from facts.readings import Readings
from facts.value import ABSENT, Unknown
from fleet.base.errors import Refused
from fleet.model.finding import Severity
from fleet.preflight import explanations, inspect
from fleet.reference.explain import entries
from fleet.run import recipe, refuse
from fleet.run.hosterrors import WrongBoot
from gates.boot_obstacles import FORBID_REBOOT
from tests.given import given
from tests.unit.boot_facts import read_boot
from tests.unit.gates.test_boot_state import PLAIN, SPEC
from tests.unit.gates.test_boots import NAME, NEW_ID, OLD_ID, host, with_sets

BARE = HostSpec.model_validate({"name": "rig", "connection": {"address": "192.0.2.1"}})


def readings(**changes: Any) -> Readings:
    values = {"boot": host(f"saved_entry={NEW_ID}"), "efi": ABSENT, "block": PLAIN}
    return given({**values, **changes})


#: GRUB boots another kernel than the set that was made the default.
LOST_DEFAULT = {"boot": with_sets(f"saved_entry={OLD_ID}", f"b70fleet_default={NAME}")}


def visit(spec: HostSpec = SPEC, **changes: Any) -> Any:
    """Return as much of a visit as a refusal looks at."""
    return SimpleNamespace(name=spec.name, spec=spec, readings=readings(**changes))


def test_a_host_that_boots_its_boot_set_may_be_rebooted() -> None:
    refuse.wrong_boot(visit())


@pytest.mark.parametrize(
    ("changes", "said", "hint"),
    [
        (
            {"boot": host(f"saved_entry={NEW_ID}", f"next_entry={OLD_ID}")},
            "somebody armed",
            "on the host, as root: grub-editenv /boot/grub/grubenv unset next_entry",
        ),
        ({"boot": host(f"saved_entry={NEW_ID}", menu="password")}, "password", "--unrestricted"),
        (LOST_DEFAULT, "not the declared boot set", f"grub-set-default {NAME}"),
        ({"boot": host(menu="blscfg\n")}, "UNKNOWN", "update-grub"),
        ({"boot": Unknown("timed out")}, "UNKNOWN: timed out", "b70 facts rig boot"),
        ({"efi": Unknown("no efivars")}, "UNKNOWN: no efivars", "efibootmgr"),
    ],
)
def test_a_reboot_into_something_else_is_refused(
    changes: dict[str, Any], said: str, hint: str
) -> None:
    with pytest.raises(WrongBoot) as error:
        refuse.wrong_boot(visit(**changes))
    assert isinstance(error.value, Refused)
    assert said in str(error.value)
    assert hint in (error.value.hint or "")


def test_the_line_that_decides_stands_in_the_refusal() -> None:
    boot = host(f"saved_entry={NEW_ID}", f"next_entry={OLD_ID}")
    with pytest.raises(WrongBoot, match=r"/boot/grub/grubenv:3: next_entry="):
        refuse.wrong_boot(visit(boot=boot))


def test_a_host_without_grub_s_menu_is_another_layer_s_matter() -> None:
    refuse.wrong_boot(visit(boot=read_boot()))


def test_nothing_is_rebooted_before_it_was_asked_what_boots(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(refuse, "is_new", lambda visit: True)
    monkeypatch.setattr(recipe.steps, "arm", lambda visit: pytest.fail("a set was armed"))
    monkeypatch.setattr(recipe.steps, "boot", lambda visit: pytest.fail("it was rebooted"))
    due = visit(**LOST_DEFAULT)
    due.allow_reboot = True
    due.result = SimpleNamespace(
        state=SimpleNamespace(good=True), reboot_pending=["x"], certificate="c", changed=[]
    )
    with pytest.raises(WrongBoot):
        recipe.reboot_where_due(due)


def test_every_refusal_can_be_explained_by_its_id() -> None:
    catalog = entries()
    assert "wrong-boot" in catalog
    assert catalog.keys() >= FORBID_REBOOT
    assert all(text for text in explanations().values())


def findings(spec: HostSpec, **changes: Any) -> dict[str, Any]:
    return {each.id: each for each in inspect(spec, readings(**changes))}


def test_the_doctor_says_what_boots_now_and_the_line_that_decides() -> None:
    found = findings(SPEC)["what-boots"]
    assert found.severity is Severity.INFO
    assert f"boots now: /boot/grub/grubenv:2: saved_entry={NEW_ID}" in found.text
    once = findings(SPEC, boot=host(f"next_entry={OLD_ID}"))["what-boots"]
    assert "boots now, once: /boot/grub/grubenv:2: next_entry" in once.text


def test_the_doctor_names_obstacles_by_what_they_are() -> None:
    armed = host("saved_entry=1>0", f"next_entry={OLD_ID}")
    found = findings(SPEC, boot=armed)
    assert found["foreign-one-shot"].severity is Severity.CRITICAL
    assert found["positional-default"].severity is Severity.WARNING
    assert not any(each.inhibits for each in found.values() if each.domain == "boot")
    bare = findings(BARE, boot=armed)
    assert bare["foreign-one-shot"].severity is Severity.CRITICAL
    assert bare["positional-default"].severity is Severity.INFO
    assert findings(SPEC, boot=host(menu="blscfg\n"))["boot-unknown"].verdict == "UNKNOWN"
