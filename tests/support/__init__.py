"""Predicates, fixtures and probes shared by the test tiers."""
