"""What to expect of a release before it is made, and how good models on it are, measured privately."""
