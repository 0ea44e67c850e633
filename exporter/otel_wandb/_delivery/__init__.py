"""Tracks which received spans are on the disk, and finds what a killed process left there."""
