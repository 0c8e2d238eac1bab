"""What the network and its sampling are made of."""
