"""What a stage has reached on photos that it does not learn from."""
