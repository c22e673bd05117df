"""The one training loop, and what it needs: batches in time, optimizer, checkpoints, logs."""
