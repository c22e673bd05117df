"""What costs time to gain accuracy: scales, flips, crops, ensembles, refinement."""
