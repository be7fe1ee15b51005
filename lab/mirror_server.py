"""The HTTP server of the lab mirror: plain files, an access log, and a brake for tests.

Runs as a process of its own: `python mirror_server.py FOLDER ADDRESS PORT`, with the standard
library alone. The file FOLDER/../slow holds the seconds that every answer is delayed.
"""

from __future__ import annotations

import sys
import time
from contextlib import suppress
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from typing_extensions import override


class Handler(SimpleHTTPRequestHandler):
    """Serves files after the delay that is in force."""

    protocol_version = "HTTP/1.1"

    @override
    def do_GET(self) -> None:
        """Answer a GET request."""
        with suppress(OSError, ValueError):  # no brake
            time.sleep(float((Path(self.directory).parent / "slow").read_text()))
        super().do_GET()


def main(folder: str, address: str, port: str) -> None:
    """Serve until killed."""
    server = ThreadingHTTPServer((address, int(port)), partial(Handler, directory=folder))
    server.serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
