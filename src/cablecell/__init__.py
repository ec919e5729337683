"""An open ROS 2 workcell that plugs cables: planning, insertion, fusion, supervision, simulation."""
