"""The web page: loads what export wrote, and knows nothing of training."""
