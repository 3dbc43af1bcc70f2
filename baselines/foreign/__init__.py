"""Packages whose pins conflict with ours, each in an interpreter of its own."""
