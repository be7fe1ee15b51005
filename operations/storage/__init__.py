"""File systems, mounts, directories of a declared storage layout, room for what is written."""
