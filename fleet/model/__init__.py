"""Words that runs, ledger and reports share. Pure."""
