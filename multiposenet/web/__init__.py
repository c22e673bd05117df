"""The page of `multiposenet serve`: what visitors upload, what is found in it, how it is shown."""
