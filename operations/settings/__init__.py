"""Settings of the running kernel and of devices: sysctl, runtime power management."""
