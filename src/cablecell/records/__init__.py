"""Recordings of the cell: MCAP files written and read without ROS."""
