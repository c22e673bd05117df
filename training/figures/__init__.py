"""The figures of the paper and of the documentation, each from numbers that are made elsewhere.

One module per figure, with `draw(...) -> matplotlib.figure.Figure`; `style` is what they share.
"""
