"""Methods to compare with, one a file, and what they share in folders of machinery."""
