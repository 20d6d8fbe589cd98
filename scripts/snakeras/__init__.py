"""Snakeras: reproducible Hyperas hyperparameter searches. A room per concern; see docs/design.md."""
