"""One host, and what is said to it: session, facts in one program, lock, reboot."""
