"""What the mechanisms of private rows are made of: exact noise, counts, keyed choices."""
