"""`multiposenet live`: a camera, drawn as it is seen, in a window or as a page."""
