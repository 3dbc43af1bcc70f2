"""What several commands share, or one would be too long with."""
