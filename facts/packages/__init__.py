"""Debian packages, where apt gets them from, and who else may change them."""
