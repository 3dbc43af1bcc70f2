"""Runs on this machine, in as little time and memory beside their own work as can be."""
