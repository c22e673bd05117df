"""How each bundled weight file is made."""
