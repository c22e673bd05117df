"""Arithmetic on arrays and tensors: coordinates, boxes, heatmaps, likeness, choice."""
