"""NVIDIA's side of a node, simulated: feature discovery, MIG Manager and the DRA plugin as state machines."""
