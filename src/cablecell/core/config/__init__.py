"""Configuration schemas: every field has a default, a unit, bounds and a description."""
