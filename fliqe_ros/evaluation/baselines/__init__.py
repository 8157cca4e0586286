"""What is used instead of a network: simple rules and the classics of IQA."""
