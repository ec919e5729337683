"""Runs policies written for the AI for Industry Challenge: the node `aic_model` and the class they derive from."""
