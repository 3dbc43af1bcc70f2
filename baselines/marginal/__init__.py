"""Machinery of marginal-based methods: measuring, choosing, graphical models, drawing rows."""
