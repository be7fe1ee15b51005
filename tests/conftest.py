"""gevent patches before anything else is imported, exactly as the console entry does."""

from __future__ import annotations

from gevent import monkey

monkey.patch_all()
