"""What all parts of the library use: checks, files, values with their types, saved models."""
