"""A made-up trial of the demo: a smooth descent into a port, with a contact whose force is known."""

from __future__ import annotations

import numpy as np

from cablecell.evaluation.demo_trial import PhaseEntry, Picture, Series, TrialRun, TruthSample

START_S = 1_000.0
CYCLE_S = 12.0
HEIGHT_M = 0.0458
"""From the port frame up to the entrance, m."""
TARGET = "nic_card_mount_0/sfp_port_0"
BIAS_N = (1.5, -2.0, -9.0)


def depth_at(t):
    """Depth after t seconds: 0.2 m above the entrance, then down to the stop at 10 s."""
    return np.interp(t, [0.0, 5.0, 7.0, 10.0, 20.0], [-0.2, -0.01, 0.0, HEIGHT_M, HEIGHT_M])


def make_series(peak_n=8.0):
    """Forces at 250 Hz: bias and noise, and a push of `peak_n` along -x of the sensor from 7 s to 10 s."""
    t = START_S + np.arange(-1.0, CYCLE_S + 2.0, 0.004)
    force = np.tile(BIAS_N, (len(t), 1))
    since = t - START_S
    force[:, 0] -= np.where((since >= 7.0) & (since <= 10.0), peak_n * np.sin((since - 7.0) / 3.0 * np.pi) ** 2, 0.0)
    z = -depth_at(since)
    position = np.column_stack([np.zeros_like(z), np.zeros_like(z), z])
    return Series(t, force, t, position, np.gradient(position, t, axis=0))


def make_truth(*, seated=True, inserted=TARGET, contacts=0, lateral_m=1e-4, until_s=14.0):
    found = []
    for since in np.arange(0.0, until_s, 0.05):
        depth = float(depth_at(since))
        distance = float(np.hypot(HEIGHT_M - depth, lateral_m))
        done = seated and since > 11.0
        found.append(
            TruthSample(
                START_S + since, "trial_1", done, inserted if done else "", depth, lateral_m, distance, contacts
            )
        )
    return found


def make_run(**changes):
    run = TrialRun("trial_1", TARGET, 0, START_S, START_S + CYCLE_S, 0, "", 1, make_truth())
    steps = [(0.1, "STAGING"), (4.0, "APPROACH"), (6.5, "CONTACT"), (7.0, "SEARCH"), (7.6, "INSERT"), (10.0, "VERIFY")]
    run.phases = [PhaseEntry(START_S + since, name, f"begun at {since} s", 1) for since, name in steps]
    for key, value in changes.items():
        setattr(run, key, value)
    return run


def make_picture(since=3.0):
    import cv2

    pixels = np.zeros((512, 576, 3), np.uint8)
    pixels[:, :, 1] = np.linspace(0, 255, 576, dtype=np.uint8)
    return Picture(
        START_S + since, "while the cell looks", "/center_camera/image", cv2.imencode(".jpg", pixels)[1].tobytes()
    )
