"""Checks of the simulated physics against laws and closed forms, by what they check."""
