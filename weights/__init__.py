"""The bundled weight files, their manifest and their cards; no code.

Lives in the top-level folder `weights/` and is installed as `multiposenet.weights`.
`multiposenet.zoo` turns the names in `manifest.json` into files.
"""
