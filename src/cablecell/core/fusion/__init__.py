"""Estimates on SE(3) from many looks, with honest covariance."""
