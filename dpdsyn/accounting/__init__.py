"""What mechanisms cost, what a plan composes to, and what a ledger says of a result."""
