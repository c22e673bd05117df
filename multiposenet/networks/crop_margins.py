"""By which share a person's crop is longer and wider than the box, of the papers' networks.

Apart from the networks, since exported ones are used without Keras.
"""

SPPE = 0.2
"""Of RMPE's single-person pose estimator (RMPE, section 3.2.1)."""

GRMI = 0.25
"""Of G-RMI's network at test (G-RMI, crops)."""
