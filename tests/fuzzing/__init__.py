"""Fuzzed tables through all entrances: python -m fuzzing --files 1000, from tests/, or nox -s fuzz -- 1000."""
