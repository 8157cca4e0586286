"""Second implementations of the faults, for judging only; no training uses them."""
