"""Layers written once more, with loops, from their definitions."""
