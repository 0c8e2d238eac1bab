"""Parts of the network, the neural cache, the speller, and the sampling rules."""
