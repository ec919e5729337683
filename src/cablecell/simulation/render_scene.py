"""A scene made only to be looked at, kept up to date from poses that come from elsewhere.

Physics and rendering run in different processes: physics publishes where its bodies are, this scene repeats the
visual shapes and puts them there. It has no masses, no contacts and no clock.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from cablecell.core.config.camera import RenderSettings
from cablecell.core.errors import WorkcellError
from cablecell.simulation.rasterizer import Faces, Picture, Rays, rasterize

Matrix = NDArray[np.float64]
Image = NDArray[np.uint8]


class SceneError(WorkcellError):
    """A scene is told about a body it does not have."""

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
        sides: Flat faces that stand for its round; shading steps from one to the next.
    """

    radius_m: float
    length_m: float
    rgba: tuple[float, float, float, float] = (0.7, 0.7, 0.7, 1.0)
    X_body_visual: Matrix = field(default_factory=lambda: np.eye(4))
    sides: int = 24


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


@dataclass(frozen=True)
class _Face:
    """A convex face of a body.

    Attributes:
        corners: In the body's frame, in order, shape (n, 3), m.
        normal: Away from what is solid, shape (3,).
        rgb: Colour, 0 to 1.
        plate: What is printed on it, if anything.
    """

    corners: Matrix
    normal: Matrix
    rgb: tuple[float, float, float]
    plate: TexturedPlate | None = None


class RenderScene:
    """Bodies by name. What did not move since the last image is not computed again."""

    def __init__(self) -> None:
        self._faces: dict[str, list[_Face]] = {}
        self._poses: dict[str, Matrix] = {}
        self._in_world: dict[str, tuple[Matrix, Matrix]] = {}
        self._scene: Faces | None = None

    @property
    def body_names(self) -> tuple[str, ...]:
        """Names of everything that `place` can move."""
        return tuple(self._faces)

    def poses(self) -> dict[str, Matrix]:
        """Return where every body is, X_world_body, shape (4, 4)."""
        return dict(self._poses)

    def add_body(self, name: str, visuals: Sequence[Visual], X_world_body: Matrix | None = None) -> None:
        """Add a rigid body made of visuals."""
        self._faces.setdefault(name, []).extend(face for visual in visuals for face in _faces_of(visual))
        self._put(name, np.eye(4) if X_world_body is None else X_world_body)

    def place(self, poses: Mapping[str, Matrix]) -> None:
        """Move bodies to new poses X_world_body, shape (4, 4).

        Raises:
            SceneError: A body is not known (code 822); nothing is moved.
        """
        unknown = sorted(set(poses) - set(self._faces))
        if unknown:
            raise SceneError(
                f"body '{unknown[0]}' is not in the scene; it has {', '.join(self.body_names)}",
                quantity="body",
                value=unknown[0],
                limit=self.body_names,
            )
        for name, X_world_body in poses.items():
            if not np.array_equal(X_world_body, self._poses[name]):
                self._put(name, X_world_body)

    def render(self, X_world_optical: Matrix, rays: Rays, settings: RenderSettings) -> Image:
        """Return an RGB image, shape (h, w, 3), from a pose of the optical frame, along the rays of its pixels."""
        if self._scene is None:
            self._scene = self._compose()
        light = np.asarray(settings.light_direction, dtype=np.float64)
        facing = np.clip(self._scene.normals @ (light / np.linalg.norm(light)), 0.0, None)
        brightness = settings.ambient + settings.diffuse * facing
        return rasterize(self._scene, X_world_optical, rays, settings.near_m, brightness)

    def _put(self, name: str, X: Matrix) -> None:
        self._poses[name] = X
        faces = self._faces[name]
        corners = np.vstack([face.corners for face in faces]) if faces else np.zeros((0, 3))
        normals = np.array([face.normal for face in faces]).reshape(-1, 3)
        self._in_world[name] = (corners @ X[:3, :3].T + X[:3, 3], normals @ X[:3, :3].T)
        self._scene = None

    def _compose(self) -> Faces:
        """Return all faces in `world`."""
        faces = [(name, face) for name, of_body in self._faces.items() for face in of_body]
        pictures = {
            number: _picture(face.plate, self._poses[name] @ face.plate.X_body_visual)
            for number, (name, face) in enumerate(faces)
            if face.plate is not None
        }
        return Faces(
            corners=np.vstack([corners for corners, _ in self._in_world.values()]),
            starts=np.cumsum([0, *(len(face.corners) for _, face in faces)]),
            normals=np.vstack([normals for _, normals in self._in_world.values()]),
            colours=np.array([face.rgb for _, face in faces]).reshape(-1, 3),
            pictures=pictures,
        )


def _faces_of(visual: Visual) -> list[_Face]:
    if isinstance(visual, TexturedPlate):
        width, height = visual.size_m
        outlines = [np.array([[0, 0, 0], [width, 0, 0], [width, height, 0], [0, height, 0]], dtype=np.float64)]
        normals, rgb, plate = [np.array([0.0, 0.0, -1.0])], (1.0, 1.0, 1.0), visual
    else:
        outlines, normals = _box(visual.size_m) if isinstance(visual, Box) else _cylinder(visual)
        rgb, plate = (visual.rgba[0], visual.rgba[1], visual.rgba[2]), None
    X = visual.X_body_visual
    return [
        _Face(outline @ X[:3, :3].T + X[:3, 3], X[:3, :3] @ normal, rgb, plate)
        for outline, normal in zip(outlines, normals, strict=True)
    ]


def _box(size_m: tuple[float, float, float]) -> tuple[list[Matrix], list[Matrix]]:
    outlines, normals = [], []
    for axis in range(3):
        first, second = (axis + 1) % 3, (axis + 2) % 3
        for side in (-1.0, 1.0):
            corners = np.zeros((4, 3))
            corners[:, axis] = side
            corners[:, first] = (-1.0, 1.0, 1.0, -1.0)
            corners[:, second] = (-1.0, -1.0, 1.0, 1.0)
            outlines.append(0.5 * corners * np.asarray(size_m))
            normals.append(side * np.eye(3)[axis])
    return outlines, normals


def _cylinder(cylinder: Cylinder) -> tuple[list[Matrix], list[Matrix]]:
    angle = 2.0 * np.pi * np.arange(cylinder.sides) / cylinder.sides
    ring = np.stack([np.cos(angle), np.sin(angle), np.zeros(cylinder.sides)], axis=1)
    up = np.array([0.0, 0.0, 0.5 * cylinder.length_m])
    top, bottom = cylinder.radius_m * ring + up, cylinder.radius_m * ring - up
    outlines, normals = [top, bottom], [np.array([0.0, 0.0, 1.0]), np.array([0.0, 0.0, -1.0])]
    for here in range(cylinder.sides):
        following = (here + 1) % cylinder.sides
        outlines.append(np.array([bottom[here], bottom[following], top[following], top[here]]))
        middle = ring[here] + ring[following]
        normals.append(middle / np.linalg.norm(middle))
    return outlines, normals


def _picture(plate: TexturedPlate, X_world_plane: Matrix) -> Picture:
    pixels = cv2.cvtColor(plate.texture, cv2.COLOR_GRAY2RGB) if plate.texture.ndim == 2 else plate.texture
    height, width = pixels.shape[:2]
    to_pixel = np.array([[width / plate.size_m[0], 0.0, -0.5], [0.0, height / plate.size_m[1], -0.5], [0.0, 0.0, 1.0]])
    return Picture(np.asarray(pixels, dtype=np.uint8), to_pixel, X_world_plane)
