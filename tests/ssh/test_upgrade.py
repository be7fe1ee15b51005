"""Simulated upgrades on a real apt: a hold that protects nothing, a kernel that would move.

The rig gets an archive of its own in a folder: what the common mirror serves stays as it is.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from lab.machines import Machine
from tests.ssh.conftest import Site

pytestmark = pytest.mark.ssh

GA, HWE = "linux-image-b70lab", "linux-image-b70lab-hwe"
OLD, NEW = "6.17.0-9-b70lab", "7.0.0-3-b70lab"
#: Builds stand-in packages into a flat archive: image packages with a kernel file, metapackages.
_ARCHIVE = f"""set -e
mkdir -p /srv/kernels && cd /srv/kernels
make() {{
  rm -rf tree; mkdir -p tree/DEBIAN tree/boot
  printf '%s: %s\\n' Package "$1" Version "$2" Architecture all Maintainer 'x <x@localhost>' \\
    Description stand-in >tree/DEBIAN/control
  [ -z "$3" ] || echo "Depends: $3" >>tree/DEBIAN/control
  case $1 in linux-image-[0-9]*) echo kernel >"tree/boot/vmlinuz-${{1#linux-image-}}" ;; esac
  dpkg-deb -b tree "$1_$2.deb" >/dev/null
}}
publish() {{
  for f in *.deb; do
    dpkg-deb -f "$f"
    printf 'Filename: ./%s\\nSize: %s\\nSHA256: %s\\n\\n' "$f" "$(stat -c %s "$f")" \\
      "$(sha256sum <"$f" | cut -d' ' -f1)"
  done >Packages
  echo 'deb [trusted=yes] file:/srv/kernels ./' >/etc/apt/sources.list.d/kernels.list
  apt-get -qq update
}}
make linux-image-{OLD} 6.17.0-9.9 ''
make {HWE} 6.17.0-9.9 linux-image-{OLD}
make {GA} 6.8.0-1.1 ''
publish
apt-get -qq -y install {HWE} >/dev/null
make linux-image-{NEW} 7.0.0-3.3 ''
make {HWE} 7.0.0-3.3 linux-image-{NEW}
publish
apt-mark hold {GA}
"""
#: every file of apt and dpkg with its size and its times
_STATE = "find /var/cache/apt /var/lib/apt /var/lib/dpkg -printf '%p %s %T@ %C@ %i\\n' | sort"


@pytest.fixture(scope="module")
def upgradable(machine: Machine) -> Machine:
    machine.run(_ARCHIVE)
    return machine


def doctor(site: Site, machine: Machine) -> dict[str, list[dict[str, Any]]]:
    done = site.b70("doctor", machine.name, "--json")
    assert done.out, done.err
    found: dict[str, list[dict[str, Any]]] = {}
    for each in json.loads(done.out)["findings"]:
        found.setdefault(each["id"], []).append(each)
    return found


def test_a_simulated_upgrade_names_what_would_move_and_writes_nothing(
    site: Site, upgradable: Machine
) -> None:
    upgradable.run("rm /var/cache/apt/*.bin")  # root's apt would write them anew
    before = upgradable.run(_STATE).stdout
    found = doctor(site, upgradable)
    assert upgradable.run(_STATE).stdout == before
    (hold,) = found["hold-has-no-effect"]
    assert hold["text"].startswith(f"{GA} is on hold and not installed")
    assert HWE in hold["text"]
    (moves,) = found["upgrade-moves-boot-set"]
    assert f"install linux-image-{NEW} 7.0.0-3.3" in moves["text"]
    assert f"upgrade {HWE} 6.17.0-9.9 to 7.0.0-3.3" in moves["text"]
    (track,) = found["kernel-track-change"]
    assert f"a kernel of 7.0 (linux-image-{NEW}) to a host with 6.17" in track["text"]


def test_the_hold_that_is_named_ends_the_move_and_says_how_far_it_is_behind(
    site: Site, upgradable: Machine
) -> None:
    (hold,) = doctor(site, upgradable)["hold-has-no-effect"]
    upgradable.run(hold["remedy"])
    found = doctor(site, upgradable)
    assert not {"hold-has-no-effect", "upgrade-moves-boot-set", "kernel-track-change"} & set(found)
    (pinned,) = found["pinned-kernel"]
    assert f"{HWE} is on hold at 6.17.0-9.9 since 20" in pinned["text"]
    assert pinned["text"].endswith("1 update behind")


def test_a_plain_plan_does_not_simulate_an_upgrade(site: Site, upgradable: Machine) -> None:
    done = site.b70("plan", "--limit", upgradable.name, "--json")
    assert "pinned-kernel" not in done.out
