"""gevent patches before anything else is imported, exactly as the console entry does.

pytest-xdist passes the names of the tests from one native thread to another. To gevent, a thread
that waits for another thread alone looks as if it would wait forever, and it gives up
(`LoopExit`); a timer in its loop is something to wait for.
"""

from __future__ import annotations

import os
from unittest.mock import patch

import pytest
from gevent import get_hub, monkey

monkey.patch_all()

#: Seconds between two ticks: nothing happens in them, the timer must only exist.
_TICK_S = 60
_KEEPALIVE = get_hub().loop.timer(_TICK_S, _TICK_S)
_KEEPALIVE.start(lambda: None)


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish() -> None:
    """Close for real from here on.

    gevent closes a descriptor when its loop turns next. pytest removes the folders of older
    sessions, tens of thousands of them, without a turn: it would run out of descriptors.
    """
    patch.object(os, "close", monkey.get_original("os", "close")).start()
