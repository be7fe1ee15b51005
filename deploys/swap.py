"""The swap layer: the permanent file, and build swap off while something serves.

Build swap itself is not part of a host's declaration: it exists for one build
(fleet.disks.buildswap). Silent where nothing is declared.
"""

from __future__ import annotations

from deploys.layer import declaration, deploy
from operations.swap.build_swap import build_swap_beside_serving
from operations.swap.swap_file import swap_file

#: Seconds that making a swap file may take: 160 GiB with dd on a slow disk (100 MB/s) need 1,700.
MAKE_S = 7_200


@deploy("swap")
def swap() -> None:
    """Declare the swap of the current host."""
    spec = declaration()
    if not spec.swap.declared:
        return
    if spec.swap.permanent is not None:
        swap_file(
            declared=spec.swap.permanent,
            storage=spec.storage,
            name=f"Swap[{spec.swap.permanent.path}]",
            _timeout=MAKE_S,
        )
    build_swap_beside_serving(
        declared=spec.swap.build,
        serving_units=spec.serving_units,
        name="Swap[build:serving]",
        _timeout=MAKE_S,
    )
