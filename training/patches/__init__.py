"""From a photo and its labels to the tensors that a stage learns from."""
