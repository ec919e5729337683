# The cell on a ROS install: colcon, the real `ros2 launch`, RViz.
#   docker build -f docker/ros.Dockerfile -t cablecell-ros .
#   docker run --rm --network host --ipc host cablecell-ros                      ros2 launch cablecell cell.launch.xml
#   docker run --rm --network host --ipc host -e DISPLAY -v /tmp/.X11-unix:/tmp/.X11-unix cablecell-ros \
#       ros2 launch cablecell teleop.launch.xml rviz:=true
ARG BASE=docker.io/library/ros:jazzy-ros-base
FROM ${BASE}
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
# Versions come with the distribution's snapshot, which the base image's digest pins.
# hadolint ignore=DL3008
RUN apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
        g++ python3-dev python3-venv \
        ros-jazzy-common-interfaces ros-jazzy-control-msgs ros-jazzy-interactive-markers ros-jazzy-launch-pytest \
        ros-jazzy-launch-xml ros-jazzy-rmw-fastrtps-cpp ros-jazzy-rosidl-default-generators ros-jazzy-rviz2 \
        ros-jazzy-tf2-geometry-msgs ros-jazzy-tf2-ros-py \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 10001 --user-group --no-create-home --home-dir /data --shell /usr/sbin/nologin cell \
    && install --directory --owner=cell --group=cell /data
COPY . /opt/cablecell
WORKDIR /opt/cablecell
# On a ROS install the set-up builds this workspace with colcon.
RUN CELL_ROS=install ROS_DISTRO=jazzy ./cell doctor --no-graph
ENV MPLCONFIGDIR=/tmp/matplotlib \
    PYTHONUNBUFFERED=1 \
    ROS_AUTOMATIC_DISCOVERY_RANGE=LOCALHOST \
    ROS_LOG_DIR=/data/log
USER 10001:10001
WORKDIR /data
VOLUME ["/data"]
STOPSIGNAL SIGINT
HEALTHCHECK --interval=10s --timeout=8s --start-period=60s --retries=3 \
    CMD ["/opt/cablecell/docker/ros_entrypoint.sh", "cablecell", "status", "--json"]
ENTRYPOINT ["/opt/cablecell/docker/ros_entrypoint.sh"]
CMD ["ros2", "launch", "cablecell", "cell.launch.xml"]
