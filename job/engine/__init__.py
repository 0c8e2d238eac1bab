"""How training steps run: eagerly, as CUDA graphs, in several processes; and what is logged."""
