"""The console entry: patches for gevent before anything else is imported, then runs `b70`."""

from __future__ import annotations

import sys
from typing import Final

#: `fleet.base.exitcodes.ExitCode.INTERRUPTED`, which may not be imported yet.
_INTERRUPTED: Final = 130


def main() -> None:
    """Run `b70`; never returns."""
    try:
        from gevent import monkey

        monkey.patch_all()

        from fleet.cli.app import app

        app()
    except KeyboardInterrupt:  # the verbs have their own end for this one
        sys.stderr.write("\ninterrupted before anything had begun\n")
        sys.exit(_INTERRUPTED)


if __name__ == "__main__":
    main()
