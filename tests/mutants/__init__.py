"""Faults planted one at a time, to see which test, and whether `dpdsyn check`, tells of each: python -m mutants, from tests/."""
