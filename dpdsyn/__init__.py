"""Differentially private table synthesis guided by a downstream task."""
