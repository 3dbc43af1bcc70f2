"""Machinery of methods that fit a mixture of independent columns, which a network gives, to noisy marginals."""
