"""Policies of the AI for Industry Challenge made of the cell's own parts; each module holds a class of its name."""
