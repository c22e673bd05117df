"""How the weights were made: datasets, targets, losses, stages and the loop that runs them.

Lives in the top-level folder `training/` and is installed as `multiposenet.training`. It imports
`multiposenet`; nothing in `multiposenet` imports it, except the command line inside a verb.
"""
