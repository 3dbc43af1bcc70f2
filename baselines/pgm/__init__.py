"""What the methods that run on private-pgm's own code share; nothing of ours about inference, choosing or drawing is in it."""
