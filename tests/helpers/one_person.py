"""Where a person with blobs as keypoints stands."""

POINTS = [(100.0, 50.0), (82.0, 84.0), (120.0, 90.0)]
BOX = (70, 40, 134, 112)
