"""Files and folders: written whole or not at all, locked, checked, bounded, downloaded."""
