"""Weft designs, simulates and operates the networks that AI clusters run on."""
