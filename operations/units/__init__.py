"""systemd units: names, steps, states."""
