"""The page about scored recordings: one file that needs nothing else."""
