"""A scene made only to be looked at, kept up to date from poses that come from elsewhere.

Physics and rendering run in different processes: physics publishes where its bodies are, this scene repeats the
visual shapes and puts them there. It has its own PyBullet client, no masses, no contacts and no clock.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

import cv2
import numpy as np
import pybullet
from numpy.typing import NDArray

from cablecell.core.config.camera import RenderSettings
from cablecell.core.errors import WorkcellError
from cablecell.core.geometry import quat_from_rotation

Matrix = NDArray[np.float64]
Image = NDArray[np.uint8]


class SceneError(WorkcellError):
    """A scene is told about a body or link it does not have."""

    code = 822


@dataclass(frozen=True)
class Box:
    """A box centred on its frame.

    Attributes:
        size_m: Full lengths along x, y, z, m.
        rgba: Colour, 0 to 1.
        X_body_visual: Pose of the box in its body, shape (4, 4).
    """

    size_m: tuple[float, float, float]
    rgba: tuple[float, float, float, float] = (0.7, 0.7, 0.7, 1.0)
    X_body_visual: Matrix = field(default_factory=lambda: np.eye(4))


@dataclass(frozen=True)
class Cylinder:
    """A cylinder along z, centred on its frame.

    Attributes:
        radius_m: Radius, m.
        length_m: Length, m.
        rgba: Colour, 0 to 1.
        X_body_visual: Pose of the cylinder in its body, shape (4, 4).
    """

    radius_m: float
    length_m: float
    rgba: tuple[float, float, float, float] = (0.7, 0.7, 0.7, 1.0)
    X_body_visual: Matrix = field(default_factory=lambda: np.eye(4))


@dataclass(frozen=True)
class TexturedPlate:
    """An infinitely thin picture: image rows run along +y and columns along +x, seen from the -z side.

    Attributes:
        size_m: Width along x and height along y, m.
        texture: Picture, shape (h, w) or (h, w, 3), uint8.
        X_body_visual: Pose of the picture's top left corner in its body, shape (4, 4).
    """

    size_m: tuple[float, float]
    texture: Image
    X_body_visual: Matrix = field(default_factory=lambda: np.eye(4))


Visual = Box | Cylinder | TexturedPlate


class RenderScene:
    """Bodies by name in a private PyBullet client; use it as a context or call `close`."""

    def __init__(self) -> None:
        self._client = int(pybullet.connect(pybullet.DIRECT))
        self._textures = tempfile.TemporaryDirectory(prefix="cablecell-render-")
        self._bodies: dict[str, list[tuple[int, Matrix]]] = {}
        self._robots: dict[str, tuple[int, dict[str, int]]] = {}

    def __enter__(self) -> RenderScene:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Free the client and the texture files; may be called twice."""
        if self._client >= 0:
            pybullet.disconnect(physicsClientId=self._client)
            self._client = -1
            self._textures.cleanup()

    @property
    def body_names(self) -> tuple[str, ...]:
        """Names of everything that `place` can move."""
        return (*self._bodies, *self._robots)

    def add_body(self, name: str, visuals: Sequence[Visual], X_world_body: Matrix | None = None) -> None:
        """Add a rigid body made of visuals."""
        X = np.eye(4) if X_world_body is None else X_world_body
        parts = [(self._create(visual, X), visual.X_body_visual) for visual in visuals]
        self._bodies.setdefault(name, []).extend(parts)

    def add_urdf(self, name: str, path: Path, *, fixed: bool = True) -> None:
        """Add the visual shapes of a URDF file; its joints are set by `articulate`."""
        body = int(pybullet.loadURDF(str(path), useFixedBase=fixed, physicsClientId=self._client))
        joints = {}
        for index in range(pybullet.getNumJoints(body, physicsClientId=self._client)):
            info = pybullet.getJointInfo(body, index, physicsClientId=self._client)
            joints[info[1].decode()] = index
        self._robots[name] = (body, joints)

    def place(self, poses: Mapping[str, Matrix]) -> None:
        """Move bodies to new poses X_world_body, shape (4, 4).

        Raises:
            SceneError: A body is not known (code 822); nothing is moved.
        """
        unknown = sorted(set(poses) - set(self.body_names))
        if unknown:
            raise SceneError(
                f"body '{unknown[0]}' is not in the scene; it has {', '.join(self.body_names)}",
                quantity="body",
                value=unknown[0],
                limit=self.body_names,
            )
        for name, X_world_body in poses.items():
            if name in self._robots:
                self._move(self._robots[name][0], X_world_body)
            for part, X_body_visual in self._bodies.get(name, ()):
                self._move(part, X_world_body @ X_body_visual)

    def articulate(self, name: str, positions: Mapping[str, float]) -> None:
        """Set joint positions, rad or m, of a body added by `add_urdf`.

        Raises:
            SceneError: The body or a joint is not known (code 822).
        """
        if name not in self._robots:
            raise SceneError(f"'{name}' has no joints; {', '.join(self._robots)} have", value=name)
        body, joints = self._robots[name]
        for joint, position in positions.items():
            if joint not in joints:
                raise SceneError(f"'{name}' has no joint '{joint}'; it has {', '.join(joints)}", value=joint)
            pybullet.resetJointState(body, joints[joint], position, physicsClientId=self._client)

    def render(self, view: Matrix, projection: Matrix, width: int, height: int, settings: RenderSettings) -> Image:
        """Return an RGB image, shape (height, width, 3), for two OpenGL matrices (4, 4) in row-column order."""
        rgba = pybullet.getCameraImage(
            width,
            height,
            view.T.ravel().tolist(),
            projection.T.ravel().tolist(),
            shadow=int(settings.shadows),
            lightDirection=list(settings.light_direction),
            lightAmbientCoeff=settings.ambient,
            lightDiffuseCoeff=settings.diffuse,
            lightSpecularCoeff=0.05,
            renderer=pybullet.ER_TINY_RENDERER,
            flags=pybullet.ER_NO_SEGMENTATION_MASK,
            physicsClientId=self._client,
        )[2]
        return np.ascontiguousarray(np.asarray(rgba, dtype=np.uint8).reshape(height, width, 4)[:, :, :3])

    def _create(self, visual: Visual, X_world_body: Matrix) -> int:
        if isinstance(visual, TexturedPlate):
            return self._create_plate(visual, X_world_body)
        shape: dict[str, Any]
        if isinstance(visual, Box):
            shape = {"shapeType": pybullet.GEOM_BOX, "halfExtents": [length / 2.0 for length in visual.size_m]}
        else:
            shape = {"shapeType": pybullet.GEOM_CYLINDER, "radius": visual.radius_m, "length": visual.length_m}
        index = pybullet.createVisualShape(**shape, rgbaColor=visual.rgba, physicsClientId=self._client)
        return self._spawn(index, X_world_body @ visual.X_body_visual)

    def _create_plate(self, plate: TexturedPlate, X_world_body: Matrix) -> int:
        width, height = plate.size_m
        index = pybullet.createVisualShape(
            pybullet.GEOM_MESH,
            vertices=[[0, 0, 0], [width, 0, 0], [width, height, 0], [0, height, 0]],
            indices=[0, 2, 1, 0, 3, 2],
            uvs=[[0, 1], [1, 1], [1, 0], [0, 0]],
            normals=[[0, 0, -1]] * 4,
            rgbaColor=[1, 1, 1, 1],
            physicsClientId=self._client,
        )
        body = self._spawn(index, X_world_body @ plate.X_body_visual)
        file = Path(self._textures.name) / f"{body}.png"
        is_grey = plate.texture.ndim == 2
        cv2.imwrite(str(file), cv2.cvtColor(plate.texture, cv2.COLOR_GRAY2BGR if is_grey else cv2.COLOR_RGB2BGR))
        texture = pybullet.loadTexture(str(file), physicsClientId=self._client)
        pybullet.changeVisualShape(body, -1, textureUniqueId=texture, physicsClientId=self._client)
        return body

    def _spawn(self, visual: int, X: Matrix) -> int:
        body = int(pybullet.createMultiBody(0.0, -1, visual, physicsClientId=self._client))
        self._move(body, X)
        return body

    def _move(self, body: int, X: Matrix) -> None:
        quat_xyzw = quat_from_rotation(X[:3, :3])
        pybullet.resetBasePositionAndOrientation(
            body, X[:3, 3].tolist(), quat_xyzw.tolist(), physicsClientId=self._client
        )
