"""Facts: what a host is.

One module per domain: a read-only POSIX-sh script plus a pure parser. A fact knows nothing of
gates, operations, the inventory or the way its script reaches the host; of `spec` it takes the
OpenPGP reader alone.
"""
