"""How the models are trained: augmentation, batches, losses, encoder and heads."""
