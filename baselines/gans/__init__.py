"""Machinery of GANs: networks, clipped sums of gradients, the game of generator and critic."""
