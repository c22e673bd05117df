"""Labelled persons and candidate keypoints: what assigners learn from and are measured on."""
