"""Photos whose labels are known, for the verbs that measure."""
