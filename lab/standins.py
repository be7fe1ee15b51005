"""Reads standins.yaml: which stand-in packages each snapshot of each origin holds."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from lab.archive import Face
from lab.debs import Content, Package

_ROOM: Final = Path(__file__).parent
RECORDINGS: Final = _ROOM / "recordings"


@dataclass(frozen=True, slots=True)
class Origin:
    """One archive with its snapshots.

    Args:
        name: short name, also the name of its key.
        path: path on the mirror; a snapshot id follows it.
        face: what its Release files say.
        snapshots: snapshot id -> packages, oldest first.
    """

    name: str
    path: str
    face: Face
    snapshots: dict[str, tuple[Package, ...]]

    @property
    def latest(self) -> str:
        """Return the id of the newest snapshot."""
        return max(self.snapshots)


def load() -> dict[str, Origin]:
    """Return every origin by name."""
    data: dict[str, Any] = yaml.safe_load((_ROOM / "standins.yaml").read_text())
    origins = {}
    for name, about in data["origins"].items():
        snapshots = {
            str(snapshot): tuple(
                _package(package, spec, values[name])
                for package, spec in data["packages"][name].items()
            )
            for snapshot, values in sorted(data["generations"].items())
        }
        face = Face(about["origin"], about["label"], about["suite"], about["component"])
        origins[name] = Origin(name, about["path"], face, snapshots)
    return origins


def _package(name: str, spec: dict[str, Any], values: dict[str, Any]) -> Package:
    def fill(text: str) -> str:
        for key, value in values.items():
            text = text.replace(f"{{{key}}}", str(value))
        return text

    files = {path: _content(content, fill) for path, content in (spec.get("files") or {}).items()}
    if "replays" in spec:
        files.update(_replay(fill(spec["replays"])))
    return Package(name, fill(str(spec["version"])), fill(spec.get("depends", "")), files)


def _content(given: str | dict[str, str], fill: Any) -> Content:  # noqa: ANN401
    if isinstance(given, str):
        return Content(fill(given))
    if "link" in given:
        return Content(link=given["link"])
    return Content(f"#!/bin/sh\n{fill(given['script'])}\n", 0o755)


def _replay(version: str) -> dict[str, Content]:
    """Return the replaying xpu-smi with all recordings; `version` is its default one."""
    script = (_ROOM / "templates" / "xpu-smi").read_text().replace("@VERSION@", version)
    files = {"/usr/bin/xpu-smi": Content(script, 0o755)}
    for recording in sorted(RECORDINGS.glob("xpu-smi-*/*.txt")):
        place = f"/usr/share/b70lab/{recording.parent.name}/{recording.name}"
        files[place] = Content(recording.read_text())
    return files
