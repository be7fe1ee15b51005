"""The console entry: patches for gevent before anything else is imported, then runs `b70`."""

from __future__ import annotations


def main() -> None:
    """Run `b70`; never returns."""
    from gevent import monkey

    monkey.patch_all()

    from fleet.cli.app import app

    app()


if __name__ == "__main__":
    main()
