"""What one cell says, and how it becomes a code of its column and comes back."""
