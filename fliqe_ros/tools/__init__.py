"""Command lines: simulated cameras, the demo, scoring, training and evaluation."""
