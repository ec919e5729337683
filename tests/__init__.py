"""Tests, by tier; see CONTRIBUTING.md."""
