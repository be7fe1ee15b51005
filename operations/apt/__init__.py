"""Packages, apt's sources and lists, holds, dpkg's interrupted work, our own packages."""
