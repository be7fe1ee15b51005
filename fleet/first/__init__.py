"""First steps: a new host, a new fleet directory."""
