"""A whole run from the names of data, a recipe and a start: what `train` and `fit` share."""
