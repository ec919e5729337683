"""Tests that launch processes."""
