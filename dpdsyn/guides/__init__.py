"""Networks that label candidate rows, and how their gradients are clipped row by row."""
