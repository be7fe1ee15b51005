"""How GRUB's tools fail. Standard library only: a supervisor without the lab raises it too."""

from __future__ import annotations


class GrubError(RuntimeError):
    """A GRUB tool did not do its work, or was ended from outside; the text says which and why."""
