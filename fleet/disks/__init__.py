"""The disks of a host: budget, what can be removed, swap for a build."""
