"""How results look: one renderer per file, each a function of a result and a place to write to.

Knows plans, events and records; knows no SSH, no command line and no engine.
"""
