"""How good methods are: protocols, methods, metrics, figures and the report."""
