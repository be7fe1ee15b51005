"""Packages that only work together: all of them change in one dpkg transaction, or none does.

Before anything is touched the transaction is simulated, and refused when it would remove a package
that the set does not name or touch the boot set (kernel, initramfs, firmware). dpkg forgets a hold
when it unpacks a held package, so the same command puts holds on again, after a failure as well.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from pyinfra import host
from pyinfra.api.exceptions import OperationError

from facts.packages.dpkg import LOADER, Loader
from facts.shelltext import shell_text, shell_variables
from operations.apt.apt_command import apt_get
from operations.apt.download import will_fetch
from operations.apt.package_state import differing, package_state, say_differing, targets
from operations.operation import Commands, differs, operation
from operations.script import Script

#: Tries to put the holds on again while another process has the lock, 2 s apart.
_HOLD_TRIES: Final = 30
_REHEARSE: Final = shell_text(__file__, "_rehearse")
_TRANSACTION: Final = shell_variables(hold_tries=_HOLD_TRIES) + shell_text(__file__, "_transaction")

#: Both packages ship the loader and neither says that it replaces the other, so dpkg refuses to
#: change the owner whatever the order; it is allowed to for the one transaction that also ends the
#: other owner's claim.
_TAKE_OVER: Final = ("-o", "Dpkg::Options::=--force-overwrite")


def owned_by(loader: Loader, owner: str) -> bool:
    """Return True if one package alone ships the Level Zero loader and the file is there."""
    return loader.owners == (owner,) and any(file.endswith(f"/{LOADER}") for file in loader.files)


def _loader_seen(loader: Loader, owner: str) -> str | None:
    """Return what is there in place of a loader that one package alone ships."""
    if loader.owners and loader.owners != (owner,):
        return f"from {', '.join(loader.owners)}"
    there = any(file.endswith(f"/{LOADER}") for file in loader.files)
    return "from no package" if there else None


@operation()
def package_set(
    versions: Mapping[str, str],
    removes: Sequence[str] = (),
    debs: Mapping[str, str] | None = None,
    hold: bool = True,
    loader_owner: str = "",
    protected: Sequence[str] = (),
    proof: str = "",
    lock_timeout_s: int = 300,
) -> Commands:
    """Bring a set of packages to exact versions in one transaction.

    + versions: package -> exact version
    + removes: packages that conflict with the set and leave in the same transaction
    + debs: package -> path of a .deb on the host, for packages of the set that no archive carries
    + hold: hold the packages of the set
    + loader_owner: the one package that must own the Level Zero loader, empty = not looked at
    + protected: extended regular expressions of packages that the transaction must not touch
    + proof: path of the mark of `verified`, removed before anything changes
    + lock_timeout_s: seconds to wait for another dpkg or apt
    """
    state = package_state()
    found = differing(state, versions)
    conflicting = sorted(name for name in removes if name in state.installed)
    overridden = bool(loader_owner) and not owned_by(state.loader, loader_owner)
    strangers = sorted(set(state.loader.owners) - {*versions, *removes})
    if loader_owner and strangers:
        raise OperationError(
            f"{LOADER} belongs to {', '.join(strangers)} as well, which the stack does not name; "
            "remove it by hand or add it to the stack"
        )
    if not found and not conflicting and not overridden:
        host.noop("installed: " + ", ".join(targets(versions, versions)))
        return
    names = sorted(versions)
    files = debs or {}
    wanted = [files[name] if name in files else targets([name], versions)[0] for name in names]
    flags = ["--allow-downgrades", "--allow-change-held-packages"]
    flags += ["--reinstall"] if overridden and loader_owner not in found else []
    flags += [] if conflicting else ["--no-remove"]
    flags += _TAKE_OVER if overridden and state.loader.owners else []
    transaction = [*flags, *wanted, *(f"{name}-" for name in conflicting)]
    say_differing(found, versions)
    for name in conflicting:
        differs(f"package {name}", None, state.installed[name].version)
    if overridden:
        differs(LOADER, f"from {loader_owner}", _loader_seen(state.loader, loader_owner))
    will_fetch(transaction)
    rehearsal = apt_get("install", "-s", *transaction, lock_timeout_s=lock_timeout_s)
    yield Script(
        _REHEARSE,
        "b70-rehearse",
        " ".join(conflicting),
        "|".join(protected),
        *rehearsal,
        shown=rehearsal,
    )
    change = apt_get("install", *transaction, lock_timeout_s=lock_timeout_s)
    yield Script(
        _TRANSACTION,
        "b70-transaction",
        " ".join(names) if hold else "",
        " ".join(names),
        proof,
        *change,
        shown=change,
    )
