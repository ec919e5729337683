"""The contact rig in MuJoCo: the same plug, walls and spring, another engine."""

from __future__ import annotations

import mujoco
import numpy as np

from cablecell.core.geometry.scalar import quat_from_rotvec
from cablecell.simulation.contact_geometry import wall_vertices
from cablecell.simulation.contact_rig import INERTIA_KG_M2, MASS_KG, rig_connector
from cablecell.simulation.plug_rig import RigRows, Support
from cablecell.simulation.rigid import NO_ROTATION, Pose

# Measured before: the defaults let a plug sink in by 0.1 mm.
MODEL = """
<mujoco>
  <option timestep="{dt}" gravity="0 0 0" cone="elliptic" integrator="implicitfast" impratio="10" iterations="100"
    tolerance="1e-12"/>
  <default>
    <geom solref="{solref} 1" solimp="0.99 0.999 1e-5 0.5 2" friction="{friction} 0.005 0.0001" condim="3"/>
  </default>
  <asset>{meshes}</asset>
  <worldbody>
    {walls}
    <body name="plug" pos="{pos}" quat="{quat}">
      <freejoint/>
      <inertial pos="0 0 0" mass="{mass}" diaginertia="{inertia} {inertia} {inertia}"/>
      <geom type="box" size="{size}" pos="{box}"/>
    </body>
  </worldbody>
</mujoco>
"""


class MujocoRig:
    """As `ContactRig`, for boxes."""

    def __init__(self, setup, rate_hz):
        self.setup, self.dt = setup, 1.0 / rate_hz
        data = rig_connector(setup)
        part = data.plug.parts[0]
        self.q = quat_from_rotvec((0.0, setup.tilt_rad, 0.0))
        self.support = np.array([setup.offset_m, 0.0, setup.start_m - setup.support_m])
        meshes, walls = "", ""
        for wall in data.port.walls:
            corners = " ".join(f"{v:.12g}" for corner in wall_vertices(wall, data.port) for v in corner)
            meshes += f'<mesh name="{wall.name}" vertex="{corners}"/>'
            walls += f'<geom type="mesh" mesh="{wall.name}"/>'
        x, y, z, w = self.q
        text = MODEL.format(
            dt=self.dt,
            solref=max(2.0 * self.dt, 1.0e-3),
            friction=setup.friction,
            meshes=meshes,
            walls=walls,
            pos=" ".join(f"{v:.12g}" for v in self.support),
            quat=f"{w:.15g} {x:.15g} {y:.15g} {z:.15g}",
            mass=MASS_KG,
            inertia=INERTIA_KG_M2,
            size=" ".join(f"{0.5 * v:.12g}" for v in part.size_m),
            box=" ".join(f"{c - m:.12g}" for c, m in zip(part.centre_m, data.plug.com_m, strict=True)),
        )
        self.model = mujoco.MjModel.from_xml_string(text)
        self.data = mujoco.MjData(self.model)
        support = Support((0.0, 0.0, 0.0), (0.0, 0.0, 0.0), setup.stiffness_n_per_m, setup.stiffness_nm_per_rad)
        self.spring = support.spring(MASS_KG, INERTIA_KG_M2)

    def lower(self, speed, seconds):
        rows, every = [], round(0.002 / self.dt)
        body = self.model.body("plug").id
        for i in range(round(seconds / self.dt)):
            self.support[2] += speed * self.dt
            com, (w, x, y, z) = self.data.qpos[:3], self.data.qpos[3:7]
            q = (x, y, z, w)
            R = Pose((0.0, 0.0, 0.0), q).matrix()[:3, :3]
            velocity, turning = tuple(self.data.qvel[:3]), tuple(R @ self.data.qvel[3:6])
            force, _, _ = self.spring.update(
                tuple(self.support), self.q, (0.0, 0.0, speed), (0.0, 0.0, 0.0), tuple(com), q, velocity, turning
            )
            self.data.xfrc_applied[body] = (*force, *self.spring.torque)
            if i % every == 0:
                tip = Pose(tuple(com), q) @ Pose((0.0, 0.0, self.setup.support_m), NO_ROTATION)
                rows.append((tip.p[2], -force[0], -force[1], force[2], np.nan))
            mujoco.mj_step(self.model, self.data)
        return RigRows(*np.array(rows).T)
