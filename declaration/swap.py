"""Swap of a host: one permanent file, and build swap that exists for one phase only."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from declaration.base import Declared
from declaration.storage import plain_path


def _swap_path(value: str) -> str:
    if value and (plain_path(value) == "/" or value.startswith(("/dev/", "/proc/", "/sys/"))):
        raise ValueError(f"{value!r} cannot be a swap file")
    return value


SwapPath = Annotated[str, AfterValidator(_swap_path)]


class SwapFile(Declared):
    """A swap file that is always on."""

    path: SwapPath = Field(min_length=2)
    size_gib: float = Field(gt=0, le=1024)


class BuildSwap(Declared):
    """Swap for a source build: one compiler process takes more than 120 GB."""

    #: empty = a file at the top of the largest declared file system
    path: SwapPath = ""
    #: docs/evidence.md#build-memory
    size_gib: float = Field(default=160, gt=0, le=1024)
    #: never on while one of the host's `serving_units` runs; a profile may say otherwise
    forbid_while_serving: bool = True


class Swap(Declared):
    """Both kinds of swap."""

    permanent: SwapFile | None = None
    build: BuildSwap = BuildSwap()

    @property
    def declared(self) -> bool:
        """Return True if anything was said about swap."""
        return self.permanent is not None or "build" in self.model_fields_set

    @model_validator(mode="after")
    def _two_files(self) -> Swap:
        if self.permanent is not None and self.permanent.path == self.build.path:
            raise ValueError(f"permanent and build swap are the same file {self.build.path}")
        return self
