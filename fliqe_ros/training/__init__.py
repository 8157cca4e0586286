"""How the models are trained: distortions, data, losses, encoder, heads, evaluation."""
