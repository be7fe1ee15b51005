"""What people read in a terminal: one renderer per file."""
