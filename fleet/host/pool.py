"""One greenlet per host, and what Ctrl-C does to them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from signal import SIGINT, SIGTERM
from typing import Final, TypeVar

import gevent
from gevent import Greenlet, GreenletExit
from gevent.pool import Pool

_log = logging.getLogger("b70")

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")

#: Seconds that an abort waits for greenlets to end.
_ABORT_S: Final = 5


class Stopper:
    """Ctrl-C: the first asks to stop before the next operation, the second aborts."""

    def __init__(self) -> None:
        self._asked = False

    def is_set(self) -> bool:
        """Return True if a stop was asked for."""
        return self._asked

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Take over SIGINT and SIGTERM while hosts are being changed."""
        main = gevent.getcurrent()

        def on_signal() -> None:
            if self._asked:
                gevent.kill(main, KeyboardInterrupt)
            else:
                _log.warning("stopping after the step in flight; Ctrl-C again aborts")
            self._asked = True

        watchers = [gevent.signal_handler(sig, on_signal) for sig in (SIGINT, SIGTERM)]
        try:
            yield
        finally:
            for watcher in watchers:
                watcher.cancel()


def fan_out(
    items: Sequence[_Item],
    work: Callable[[_Item], _Result],
    parallel: int,
    aborted: Callable[[_Item], _Result],
) -> list[_Result]:
    """Run one greenlet per item, in order, at most `parallel` at a time; results keep the order.

    Args:
        items: what to work on.
        work: must contain its own errors.
        parallel: greenlets at the same time.
        aborted: the result of an item that an interrupt ended (or kept from starting).
    """
    pool = Pool(parallel)
    greenlets: list[Greenlet[..., _Result]] = []
    try:
        for item in items:  # spawn waits for a free place
            greenlets.append(pool.spawn(work, item))
        pool.join()
    except KeyboardInterrupt:
        pool.kill(timeout=_ABORT_S)
    results = []
    for index, item in enumerate(items):
        greenlet = greenlets[index] if index < len(greenlets) else None
        if greenlet is None or not greenlet.ready() or isinstance(greenlet.value, GreenletExit):
            results.append(aborted(item))
        else:
            results.append(greenlet.get())
    return results
