"""What `predict` reads and leaves: photos, clips, a folder of results."""
