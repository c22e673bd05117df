"""What the commands know of each system, a file each."""
