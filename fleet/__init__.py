"""The controller: command line, configuration, sessions, plan, executor, ledger and reports."""
