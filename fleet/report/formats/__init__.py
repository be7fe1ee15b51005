"""What programs read: one format per file."""
