"""How steps are made: eager, as CUDA graphs, by several processes."""
