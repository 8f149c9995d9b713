"""The private engine room: what layers, losses and networks are run by."""
