"""The networks that score frames, what they take, and their checkpoints."""
