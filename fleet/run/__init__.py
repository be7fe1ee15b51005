"""One run over hosts: from a connection to a record in the ledger."""
