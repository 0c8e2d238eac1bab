"""Training: ids become a trained network. May import data, and no other package."""
