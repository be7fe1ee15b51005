"""The command line: one file per verb, each imported only when it is asked for (`lazy.py`).

Verbs parse, call the engine and hand results to `fleet/report`; they decide nothing about hosts.
"""
