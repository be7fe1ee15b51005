"""The process itself, without any host: errors, exit codes, files, secrets, the log."""
