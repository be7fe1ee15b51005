"""Single files, directories and links, and how bytes become a file."""
