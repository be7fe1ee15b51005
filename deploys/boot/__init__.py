"""The boot sets of a host: the programs for them, making one complete, making it the default."""
