"""What frames have in common: people followed and smoothed, and clips written."""
