"""How many bytes an `apt-get install` would fetch, as apt itself works it out.

Must not know which packages are wanted.
"""

from __future__ import annotations

import re
import shlex
from typing import Final

from typing_extensions import override

from facts.base import HostFact, ParseError, wrap
from facts.parts import script

#: `'URI' FILE SIZE HASH`; the hash is missing where the archive has no MD5.
_LINE: Final = re.compile(r"^'([^']+)' \S+ (\d+)(?: \S*)?$")
#: What lies on the host already: an archive in a folder, or a package that was sent.
_LOCAL: Final = "file:"


class AptDownload(HostFact[int]):
    """Bytes that an `apt-get install` would fetch: `host.get_fact(AptDownload, words="jq curl")`.

    What lies in apt's cache or elsewhere on the host is not fetched. Takes no lock and writes
    nothing, not even as root.
    """

    domain = "apt_download"
    takes_arguments = True
    on_demand = True
    timeout_s = 60

    @override
    def command(self, words: str, probe_root: str = "") -> str:  # type: ignore[override]  # pyinfra gives a fact's key by name
        return wrap(download_script(words), self.timeout_s)

    @override
    def parse(self, text: str) -> int:
        return sum(map(_size, filter(None, text.split("\n"))))


def download_script(words: str) -> str:
    """Return the script for an installation.

    Args:
        words: flags and packages of an `apt-get install`, quoted as for a shell.

    Raises:
        ValueError: there are none, or a quote is left open.
    """
    arguments = shlex.split(words)
    if not arguments:
        raise ValueError("no package name was given")
    # root would write apt's package cache when it is stale, and delete a cached package that has
    # the wrong size; the user nobody can do neither, and --print-uris asks for no lock
    return script(
        'user; if [ "$uid" = 0 ]; then '
        "set -- setpriv --reuid=65534 --regid=65534 --clear-groups; fi\n"
        f'"$@" env LC_ALL=C apt-get -qq --print-uris install {shlex.join(arguments)} || exit $?'
    )


def _size(line: str) -> int:
    """Return the bytes that a line of apt-get stands for."""
    match = _LINE.match(line)
    if match is None:
        raise ParseError(f"not a line of apt-get --print-uris: {line!r}")
    return 0 if match[1].startswith(_LOCAL) else int(match[2])
