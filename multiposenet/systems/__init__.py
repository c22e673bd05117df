"""Systems: an image in, poses out, wired from the networks."""
