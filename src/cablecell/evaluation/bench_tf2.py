"""Benchmark of the transform buffer: what a 500 Hz listener costs, how fast a look-up is, and whether it is right.

The reference for correctness shares nothing with the code under test: rotations are 3x3 matrices, interpolated
through the matrix logarithm, and whole batches of random trees are multiplied out in numpy.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import rclpy
import yaml
from geometry_msgs.msg import TransformStamped
from rclpy.duration import Duration
from rclpy.executors import ExternalShutdownException
from rclpy.qos import QoSProfile
from rclpy.time import Time
from tf2_msgs.msg import TFMessage
from tf2_ros import Buffer, TransformListener

STREAM_HZ = 500.0
STREAM_FRAMES = 8
LISTEN_S = 5.0
ARRIVAL_LIMIT_S = 10.0
TREE_FRAMES = 8
TREE_SAMPLES = 4
MAX_STEP_RAD = 3.0
"""Between two samples; short of a half turn, where the shortest way is not unique."""

NS_PER_S = 1_000_000_000


@dataclass(frozen=True)
class TreeBatch:
    """Random transform trees with one query each, as arrays over trees (n), frames (f) and samples (k).

    Frame 0 is the root; ``parents[i, j] < j``. A static frame uses its first sample only.

    Attributes:
        parents: Parent of each frame, shape (n, f).
        is_static: Whether the frame never moves, shape (n, f).
        stamps_ns: Ascending stamps, shape (n, f, k).
        translations: Metres, shape (n, f, k, 3).
        quats_xyzw: Unit quaternions, shape (n, f, k, 4).
        targets: Target frame of the query, shape (n,).
        sources: Source frame of the query, shape (n,).
        times_ns: Time of the query, inside all samples, shape (n,).
    """

    parents: np.ndarray
    is_static: np.ndarray
    stamps_ns: np.ndarray
    translations: np.ndarray
    quats_xyzw: np.ndarray
    targets: np.ndarray
    sources: np.ndarray
    times_ns: np.ndarray

    def __len__(self) -> int:
        return len(self.times_ns)


def random_trees(n: int, seed: int) -> TreeBatch:
    """Return random trees of `TREE_FRAMES` frames, a third of them static.

    Args:
        n: How many trees.
        seed: Same seed, same trees.
    """
    rng = np.random.default_rng(seed)
    shape = (n, TREE_FRAMES, TREE_SAMPLES)
    stamps_ns = 1_700_000_000 * NS_PER_S + 100_000_000 * np.arange(TREE_SAMPLES) + rng.integers(90_000_000, size=shape)
    quats = np.empty((*shape, 4))
    quats[:, :, 0] = _unit(rng.normal(size=(n, TREE_FRAMES, 4)))
    for sample in range(1, TREE_SAMPLES):
        axis, angle = _unit(rng.normal(size=(n, TREE_FRAMES, 3))), rng.uniform(0.0, MAX_STEP_RAD, (n, TREE_FRAMES, 1))
        step = np.concatenate([axis * np.sin(0.5 * angle), np.cos(0.5 * angle)], axis=-1)
        quats[:, :, sample] = _product(quats[:, :, sample - 1], step)
    quats *= rng.choice([-1.0, 1.0], size=(*shape, 1))  # both signs are the same rotation
    return TreeBatch(
        parents=(rng.random((n, TREE_FRAMES)) * np.arange(TREE_FRAMES)).astype(int),
        is_static=rng.random((n, TREE_FRAMES)) < 1.0 / 3.0,
        stamps_ns=stamps_ns,
        translations=rng.normal(size=(*shape, 3)),
        quats_xyzw=quats,
        targets=rng.integers(TREE_FRAMES, size=n),
        sources=rng.integers(TREE_FRAMES, size=n),
        times_ns=rng.integers(stamps_ns[:, :, 0].max(axis=1), stamps_ns[:, :, -1].min(axis=1) + 1),
    )


def reference_answers(trees: TreeBatch) -> np.ndarray:
    """Return X_target_source of every query as homogeneous matrices, shape (n, 4, 4).

    Args:
        trees: Trees with their queries.
    """
    n = len(trees)
    older, ratio = _bracket(trees)
    rows, frames = np.ogrid[:n, :TREE_FRAMES]
    newer = np.minimum(older + 1, TREE_SAMPLES - 1)
    R_older = _matrices(trees.quats_xyzw[rows, frames, older])
    R_step = np.swapaxes(R_older, -1, -2) @ _matrices(trees.quats_xyzw[rows, frames, newer])
    X_parent_frame = np.zeros((n, TREE_FRAMES, 4, 4))
    X_parent_frame[..., :3, :3] = R_older @ _exponential(ratio[..., None] * _logarithm(R_step))
    p_older, p_newer = trees.translations[rows, frames, older], trees.translations[rows, frames, newer]
    X_parent_frame[..., :3, 3] = p_older + ratio[..., None] * (p_newer - p_older)
    X_parent_frame[..., 3, 3] = 1.0

    X_root_frame = np.tile(np.eye(4), (n, TREE_FRAMES, 1, 1))
    each = np.arange(n)
    for frame in range(1, TREE_FRAMES):
        X_root_frame[:, frame] = X_root_frame[each, trees.parents[:, frame]] @ X_parent_frame[:, frame]
    X_root_target, X_root_source = X_root_frame[each, trees.targets], X_root_frame[each, trees.sources]
    return np.linalg.solve(X_root_target, X_root_source)


def fill_buffer(buffer: Any, trees: TreeBatch, index: int) -> None:
    """Put one tree into a buffer, its samples in reverse order to make insertion work.

    Args:
        buffer: Anything with ``set_transform`` and ``set_transform_static``.
        trees: Trees.
        index: Which tree.
    """
    message = TransformStamped()
    translation, rotation = message.transform.translation, message.transform.rotation
    for frame in range(1, TREE_FRAMES):
        message.header.frame_id = f"frame_{trees.parents[index, frame]}"
        message.child_frame_id = f"frame_{frame}"
        is_static = trees.is_static[index, frame]
        for sample in (0,) if is_static else reversed(range(TREE_SAMPLES)):
            stamp_ns = int(trees.stamps_ns[index, frame, sample])
            message.header.stamp.sec, message.header.stamp.nanosec = divmod(stamp_ns, NS_PER_S)
            translation.x, translation.y, translation.z = trees.translations[index, frame, sample].tolist()
            rotation.x, rotation.y, rotation.z, rotation.w = trees.quats_xyzw[index, frame, sample].tolist()
            (buffer.set_transform_static if is_static else buffer.set_transform)(message, "bench")


def matrix_of(message: TransformStamped) -> np.ndarray:
    """Return a transform message as a homogeneous matrix, shape (4, 4).

    Args:
        message: Pose of the child frame in the header's frame.
    """
    translation, rotation = message.transform.translation, message.transform.rotation
    X = np.eye(4)
    X[:3, :3] = _matrices(np.array([rotation.x, rotation.y, rotation.z, rotation.w]))
    X[:3, 3] = translation.x, translation.y, translation.z
    return X


def pose_errors(X_answer: np.ndarray, X_reference: np.ndarray) -> tuple[float, float]:
    """Return the distance in metres and the angle in radians between two poses.

    Args:
        X_answer: Homogeneous matrix, shape (4, 4).
        X_reference: Homogeneous matrix, shape (4, 4).
    """
    apart_m = float(np.linalg.norm(X_answer[:3, 3] - X_reference[:3, 3]))
    # For an angle a between rotations the Frobenius norm of their difference is 2√2 sin(a/2).
    chord = float(np.linalg.norm(X_answer[:3, :3] - X_reference[:3, :3])) / (2.0 * np.sqrt(2.0))
    return apart_m, 2.0 * float(np.arcsin(min(1.0, chord)))


def run(*, n: int, seed: int, workers: int) -> tuple[list[dict[str, float]], dict[str, float]]:
    """Run the benchmark.

    Args:
        n: How many random trees and queries.
        seed: Of the trees.
        workers: Unused by design of the measurement: a second busy process would falsify the times of the first.

    Returns:
        One row per query, and the summary: ``listener_cpu_fraction`` of one core at 500 Hz including the middleware's
        threads, ``listener_message_hz`` that arrived, ``lookup_median_s``, ``lookup_p99_s``, ``max_error_m`` and
        ``max_error_rad`` against the reference.

    Raises:
        ValueError: n is not positive.
    """
    if n <= 0:
        raise ValueError(f"n is {n}; the number of queries must be at least 1")
    rows = measure_lookups(n, seed)
    cpu_fraction, message_hz = measure_listener()
    lookup_s = np.array([row["lookup_s"] for row in rows])
    summary = {
        "listener_cpu_fraction": cpu_fraction,
        "listener_message_hz": message_hz,
        "lookup_median_s": float(np.median(lookup_s)),
        "lookup_p99_s": float(np.quantile(lookup_s, 0.99)),
        "max_error_m": max(row["error_m"] for row in rows),
        "max_error_rad": max(row["error_rad"] for row in rows),
    }
    return rows, summary


def measure_lookups(n: int, seed: int) -> list[dict[str, float]]:
    """Return time and error of one look-up in each of n random trees.

    Args:
        n: How many trees.
        seed: Of the trees.
    """
    trees = random_trees(n, seed)
    references = reference_answers(trees)
    rows = []
    for index in range(n):
        buffer = Buffer()
        fill_buffer(buffer, trees, index)
        target, source = f"frame_{trees.targets[index]}", f"frame_{trees.sources[index]}"
        when = Time(nanoseconds=int(trees.times_ns[index]))
        started = time.perf_counter()
        answer = buffer.lookup_transform(target, source, when)
        lookup_s = time.perf_counter() - started
        error_m, error_rad = pose_errors(matrix_of(answer), references[index])
        rows.append({"lookup_s": lookup_s, "error_m": error_m, "error_rad": error_rad})
    return rows


def measure_listener(listen_s: float = LISTEN_S) -> tuple[float, float]:
    """Return what listening to a 500 Hz stream of eight transforms a message costs, and the rate that arrived.

    Publisher and listener are processes of their own; the listener's whole processor time counts, with
    deserialisation and the threads of the middleware.

    Args:
        listen_s: Length of the measurement, s.

    Returns:
        Processor time over wall time, and messages per second.

    Raises:
        RuntimeError: The stream did not arrive.
    """
    environment = dict(os.environ)
    environment.setdefault("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    # a domain of its own, so that a running cell neither hears the stream nor adds to it
    environment["ROS_DOMAIN_ID"] = str(1 + (int(environment.get("ROS_DOMAIN_ID", "0")) + 50) % 100)
    command = [sys.executable, "-m", "cablecell.evaluation.bench_tf2"]
    publisher = subprocess.Popen([*command, "publish"], env=environment)
    try:
        listener = subprocess.run(
            [*command, "listen", str(listen_s)],
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
            timeout=listen_s + ARRIVAL_LIMIT_S + 10.0,
            check=False,
        )
    finally:
        publisher.terminate()
        publisher.wait(ARRIVAL_LIMIT_S)
    if listener.returncode != 0:
        raise RuntimeError(f"the listener of the {STREAM_HZ:g} Hz stream ended with code {listener.returncode}")
    cpu_fraction, message_hz = (float(word) for word in listener.stdout.split())
    return cpu_fraction, message_hz


def _bracket(trees: TreeBatch) -> tuple[np.ndarray, np.ndarray]:
    """Return the sample before each query in every frame, and how far between it and the next the query lies."""
    at_or_before = trees.stamps_ns <= trees.times_ns[:, None, None]
    older = np.where(trees.is_static, 0, np.clip(at_or_before.sum(axis=2) - 1, 0, TREE_SAMPLES - 1))
    newer = np.minimum(older + 1, TREE_SAMPLES - 1)
    stamp_older = np.take_along_axis(trees.stamps_ns, older[..., None], axis=2)[..., 0]
    stamp_newer = np.take_along_axis(trees.stamps_ns, newer[..., None], axis=2)[..., 0]
    span = np.maximum(stamp_newer - stamp_older, 1)
    ratio = (trees.times_ns[:, None] - stamp_older) / span
    return older, np.where(trees.is_static | (newer == older), 0.0, ratio)


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def _product(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    v = a[..., 3:] * b[..., :3] + b[..., 3:] * a[..., :3] + np.cross(a[..., :3], b[..., :3])
    w = a[..., 3:] * b[..., 3:] - np.sum(a[..., :3] * b[..., :3], axis=-1, keepdims=True)
    return np.concatenate([v, w], axis=-1)


def _matrices(quats_xyzw: np.ndarray) -> np.ndarray:
    x, y, z, w = np.moveaxis(quats_xyzw, -1, 0)
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
    ]
    return np.moveaxis(np.array(rows), (0, 1), (-2, -1))


def _logarithm(R: np.ndarray) -> np.ndarray:
    """Return the rotation vectors of matrices; accurate away from the half turn, see `MAX_STEP_RAD`."""
    axis_sin = 0.5 * np.stack(
        [R[..., 2, 1] - R[..., 1, 2], R[..., 0, 2] - R[..., 2, 0], R[..., 1, 0] - R[..., 0, 1]], axis=-1
    )
    sine = np.linalg.norm(axis_sin, axis=-1, keepdims=True)
    cosine = 0.5 * (np.trace(R, axis1=-2, axis2=-1)[..., None] - 1.0)
    return axis_sin * np.where(sine > 0.0, np.arctan2(sine, cosine) / np.where(sine > 0.0, sine, 1.0), 1.0)


def _exponential(rotvec: np.ndarray) -> np.ndarray:
    angle = np.linalg.norm(rotvec, axis=-1)[..., None, None]
    x, y, z = np.moveaxis(rotvec, -1, 0)
    zero = np.zeros_like(x)
    K = np.moveaxis(np.array([[zero, -z, y], [z, zero, -x], [-y, x, zero]]), (0, 1), (-2, -1))
    # np.sinc(t) is sin(πt)/(πt), and 1 - cos a = 2 sin²(a/2)
    return np.eye(3) + np.sinc(angle / np.pi) * K + 0.5 * np.sinc(angle / (2 * np.pi)) ** 2 * (K @ K)


def _publish() -> None:
    rclpy.init()
    node = rclpy.create_node("tf2_bench_publisher")
    publisher = node.create_publisher(TFMessage, "/tf", QoSProfile(depth=100))
    message = TFMessage(transforms=[TransformStamped() for _ in range(STREAM_FRAMES)])
    for index, transform in enumerate(message.transforms):
        transform.header.frame_id = f"link_{index}"
        transform.child_frame_id = f"link_{index + 1}"
        transform.transform.translation.z = 0.1
    due = time.monotonic()
    while rclpy.ok():
        stamp = node.get_clock().now().to_msg()
        for transform in message.transforms:
            transform.header.stamp = stamp
        try:
            publisher.publish(message)
        except RuntimeError:
            if rclpy.ok():
                raise
            return  # told to end between the check and the publication
        due += 1.0 / STREAM_HZ
        time.sleep(max(0.0, due - time.monotonic()))


def _listen(listen_s: float) -> None:
    rclpy.init()
    node = rclpy.create_node("tf2_bench_listener")
    buffer = Buffer()
    listener = TransformListener(buffer, node, spin_thread=True)
    ends = ("link_0", f"link_{STREAM_FRAMES}")
    buffer.lookup_transform(*ends, Time(), Duration(seconds=ARRIVAL_LIMIT_S))
    time.sleep(0.5)  # discovery traffic is not part of the stream
    cpu_s, wall_s = _cpu_s(), time.perf_counter()
    time.sleep(listen_s)
    cpu_fraction = (_cpu_s() - cpu_s) / (time.perf_counter() - wall_s)
    message_hz = yaml.safe_load(buffer.all_frames_as_yaml())[ends[1]]["rate"]
    sys.stdout.write(f"{cpu_fraction} {message_hz}\n")
    listener.unregister()
    node.destroy_node()
    rclpy.try_shutdown()


def _cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    try:
        if sys.argv[1] == "publish":
            _publish()
        else:
            _listen(float(sys.argv[2]))
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
