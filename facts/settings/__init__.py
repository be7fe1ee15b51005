"""What programs are set to in the end, after every file that they read."""
