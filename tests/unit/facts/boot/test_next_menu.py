"""The menu after the next update, tried without writing anything that stays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from facts.base import interpret, wrap
from facts.boot.next_menu import NextMenu
from facts.value import ABSENT, Unknown
from tests.unit.fact_frame import as_root, execute, plant, relocated

MENU = "set timeout=0\nmenuentry A { linux /a; }\n"
#: Writes a menu where it is told to, and notes that folder's mode.
TOOL = f"""#!/bin/sh
GRUB_DISABLE_OS_PROBER="true"
[ "$1" = -o ] || exit 9
stat -c %a "${{2%/*}}" >"$NOTES"
printf '%s' '{MENU}' >"$2"
"""


def ask(root: Path, tool: str = TOOL, defaults: str = "", drop_in: str = "") -> Any:
    """Return what the fact says on a machine with this grub-mkconfig and these settings."""
    tools = root / "tools"
    plant(
        root,
        {
            "boot/grub/grub.cfg": "old\n",
            "run/x": "",
            "etc/default/grub": defaults,
            "etc/default/grub.d/9.cfg": drop_in,
            "etc/grub.d/30_os-prober": "",
            **{f"tools/{name}": "#!/bin/sh\n" for name in ("os-prober", "linux-boot-prober")},
            "tools/grub-mkconfig": tool,
        },
    )
    for path in (*tools.iterdir(), root / "etc/grub.d/30_os-prober"):
        path.chmod(0o755)
    script = as_root(relocated(NextMenu().script(), root, "/boot", "/etc", "/run"), root)
    script = script.replace("PATH=$PATH", f"PATH={tools}:$PATH", 1)
    before = sorted(root.rglob("*"))
    done = execute(wrap(script, 60), env={"NOTES": str(root / "notes")})
    assert [p for p in sorted(root.rglob("*")) if p.name != "notes"] == before, "nothing is left"
    return interpret(NextMenu(), done.stdout.split("\n"))


def test_the_menu_is_written_into_a_private_folder_and_printed(tmp_path: Path) -> None:
    assert ask(tmp_path) == MENU
    assert (tmp_path / "notes").read_text() == "700\n"
    assert NextMenu().on_demand


@pytest.mark.parametrize(
    ("tool", "defaults", "drop_in"),
    [
        (TOOL, "GRUB_DISABLE_OS_PROBER=false\n", ""),
        (TOOL, "", 'GRUB_DISABLE_OS_PROBER="false"\n'),
        (TOOL.replace('GRUB_DISABLE_OS_PROBER="true"\n', ""), "", ""),
    ],
)
def test_nothing_is_tried_where_an_update_would_mount_other_systems(
    tmp_path: Path, tool: str, defaults: str, drop_in: str
) -> None:
    found = ask(tmp_path, tool, defaults, drop_in)
    assert isinstance(found, Unknown)
    assert "os-prober is on" in found.reason
    assert not (tmp_path / "notes").exists()


def test_settings_that_print_or_fail_do_no_harm(tmp_path: Path) -> None:
    assert ask(tmp_path, defaults="echo hello; GRUB_DISABLE_OS_PROBER=true\nfalse\n") == MENU


def test_an_update_that_fails_is_unknown_in_its_own_words(tmp_path: Path) -> None:
    tool = '#!/bin/sh\nGRUB_DISABLE_OS_PROBER="true"\necho "cannot find /" >&2; exit 1\n'
    found = ask(tmp_path, tool)
    assert isinstance(found, Unknown)
    assert found.reason == "grub-mkconfig failed: cannot find /"


def test_a_host_without_grub_has_no_next_menu(tmp_path: Path) -> None:
    script = relocated(NextMenu().script(), tmp_path, "/boot", "/etc", "/run")
    done = execute(wrap(script, 60))
    assert interpret(NextMenu(), done.stdout.split("\n")) is ABSENT
