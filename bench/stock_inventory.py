"""The measured hosts for stock pyinfra's command line, from the file that B70_BENCH_HOSTS names."""

from __future__ import annotations

import json
import os
from pathlib import Path

hosts = [(name, data) for name, data in json.loads(Path(os.environ["B70_BENCH_HOSTS"]).read_text())]
