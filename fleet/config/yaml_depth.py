"""How deeply a YAML text nests, found out before a parser follows it.

libyaml's composer calls itself once per level and ends the whole process (no exception) when the
stack is full, which takes more than 20,000 levels. Events come without such calls. Pure.
"""

from __future__ import annotations

import re
from typing import Final

import yaml

from declaration.yamlloader import PlainLoader

#: Levels that a declaration may have; the deepest key of the models has nine.
DEEPEST: Final = 100
TOO_DEEP: Final = f"nested more than {DEEPEST} levels deep"
#: A text with fewer brackets than this, and no line that is indented further, cannot fill the
#: stack, and is spared the look at its events (a tenth of a second for a thousand hosts).
_HARMLESS: Final = 10_000
_INDENTED: Final = re.compile(rf"^[ ?-]{{{_HARMLESS}}}", re.MULTILINE)


def refuse_deep(text: str) -> None:
    """Return if a text may be composed.

    Raises:
        yaml.MarkedYAMLError: it nests deeper than `DEEPEST` levels; the mark says where.
        yaml.YAMLError: it is not YAML.
    """
    if text.count("[") + text.count("{") < _HARMLESS and not _INDENTED.search(text):
        return
    depth = 0
    for event in yaml.parse(text, Loader=PlainLoader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > DEEPEST:
                mark = event.start_mark  # libyaml's, which an error does not take
                place = yaml.Mark("", 0, mark.line, mark.column, None, 0) if mark else None
                raise yaml.MarkedYAMLError(problem=TOO_DEEP, problem_mark=place)
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
