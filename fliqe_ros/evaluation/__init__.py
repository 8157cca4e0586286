"""Evaluation of models and baselines: protocols, methods, metrics, figures and the report."""
