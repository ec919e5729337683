"""Sensor fusion: poses with covariance and the contact wrench."""
