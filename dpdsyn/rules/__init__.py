"""Rules and conditions that published rows keep."""
