"""Renders the kitchen and robot arm of gymnasium-robotics with MuJoCo, in poses that are set directly."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from actionpairs.errors import MissingExtraError, one_line
from actionpairs.synthetic.kitchen.actions import APPLIANCES, LIGHT, KitchenState
from actionpairs.synthetic.outcomes import Mask, Pixels

Vector = npt.NDArray[np.float64]
_MODEL = Path("envs/assets/kitchen_franka/kitchen_assets/kitchen_env_model.xml")
_SHADOW_MAP = 1024  # pixels; the model's own 4096 takes most of the time
_BURNER_HEIGHT = 1.62  # meters: where the kettle stands
_OVEN_LIGHT = 3  # the index of the light that the switch turns on; before it come the room's three lamps
_ARM_LOW = np.array([-1.2, -1.6, -1.2, -2.9, -1.5, -0.5, -1.5])  # radians
_ARM_HIGH = np.array([1.9, 0.9, 1.9, -0.9, 1.5, 2.1, 1.8])
_ARM_TRIALS = 60
_PAINTED = (  # materials that have one random color in a scene
    ("counter_blue", "M_slide_blue", "M_hinge_blue"),
    ("wall_blue",),
    ("wall_white",),
    ("oven_black",),
    ("micro_black",),
    ("kettle_white",),
)


@dataclass(frozen=True, slots=True)
class View:
    """A camera that looks at a point (meters); its angles are in degrees."""

    target: tuple[float, float, float]
    distance: float
    azimuth: float
    elevation: float

    @classmethod
    def draw(cls, rng: np.random.Generator) -> View:
        """Draw a view of the whole kitchen."""
        x, y, z = np.array([-0.45, 0.6, 2.06]) + rng.uniform(-0.06, 0.06, 3)
        return cls(
            (float(x), float(y), float(z)),
            float(rng.uniform(2.25, 2.5)),
            float(rng.uniform(72, 106)),
            float(rng.uniform(-37, -29)),
        )

    def shifted(self, rng: np.random.Generator) -> View:
        """The view a moment later, as from a head that moves a little."""
        azimuth, elevation = rng.uniform(-2.5, 2.5, 2)
        return replace(self, azimuth=self.azimuth + float(azimuth), elevation=self.elevation + float(elevation))


@dataclass(frozen=True, slots=True)
class Look:
    """A scene's light and paint. lamps: brightness of the three. directions: 3 3. paint: n 3, RGB 0 to 1.

    shadow: the number of the one lamp that casts shadows.
    """

    lamps: Vector
    directions: Vector
    oven_light: float
    headlight: float
    paint: Vector
    shadow: int

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Look:
        """Draw the look of one scene: a vivid kettle among dull things, for it stands out before any of them."""
        gray, colors = rng.uniform(0.25, 0.95, (len(_PAINTED), 1)), rng.uniform(0.25, 0.95, (len(_PAINTED), 3))
        paint = (gray + colors) / 2
        paint[-1] = rng.permutation([0.9, 0.15, rng.uniform(0.15, 0.9)])
        return cls(
            lamps=rng.uniform(0.1, 0.35, 3),
            directions=rng.uniform(-0.3, 0.3, (3, 3)),
            oven_light=float(rng.uniform(0.6, 0.9)),
            headlight=float(rng.uniform(0.3, 0.5)),
            paint=paint,
            shadow=int(rng.integers(0, _OVEN_LIGHT)),
        )


@dataclass(frozen=True, slots=True)
class Frame:
    """A picture (H W 3 RGB), and the geometry that each pixel shows (H W; −1 for none)."""

    picture: Pixels
    geoms: npt.NDArray[np.int32]

    def shows(self, geoms: npt.ArrayLike) -> Mask:
        """Return the mask of the pixels that show one of these geometries.  H W"""
        mask: Mask = np.isin(self.geoms, geoms)
        return mask


class KitchenRenderer:
    """Renders square pictures; the same arguments give the same pixels whatever was rendered before.

    Raises MissingExtraError where MuJoCo, the kitchen's model or a way to render is missing.
    """

    def __init__(self, side: int, look: Look) -> None:
        self._model, self._data, self._renderer, self._light_directions = _load(side)
        self._mujoco: Any = import_module("mujoco")
        self._look = look
        bodies = [self._model.body(number).name for number in range(self._model.nbody)]
        robot = [name for name in bodies if name.startswith("panda0_")]
        self.arm_geoms = self.find_geoms(robot[1:])  # the first is its foot, which never moves
        self._robot_geoms = self.find_geoms(robot)

    def find_geoms(self, bodies: Sequence[str]) -> npt.NDArray[np.int64]:
        """Return the numbers of the geometries of these bodies."""
        return np.flatnonzero(np.isin(self._model.geom_bodyid, [self._model.body(name).id for name in bodies]))

    def draw_arm(self, rng: np.random.Generator, state: KitchenState, site: str) -> Vector:
        """Draw a pose of the arm that touches nothing, with its hand near a site.  9 joints, radians and meters"""
        poses = [
            np.append(rng.uniform(_ARM_LOW, _ARM_HIGH), np.full(2, rng.uniform(0, 0.04)))
            for _ in range(_ARM_TRIALS)
        ]
        return min(poses, key=lambda pose: self._rate_arm(state, pose, site))

    def render(self, view: View, state: KitchenState, arm: Vector) -> Frame:
        """Render a state of the kitchen with the arm in a pose."""
        self._apply(self._look)  # another scene may have been rendered in between: they share the model
        self._pose(state, arm)
        self._model.light_active[_OVEN_LIGHT] = state.levels[LIGHT] > 0
        camera = self._mujoco.MjvCamera()
        camera.lookat[:] = view.target
        camera.distance, camera.azimuth, camera.elevation = view.distance, view.azimuth, view.elevation
        option = self._mujoco.MjvOption()
        option.sitegroup[:] = 0  # a mark on the hand that is no part of it
        self._renderer.update_scene(self._data, camera, option)
        self._renderer.scene.flags[self._mujoco.mjtRndFlag.mjRND_REFLECTION] = False  # it takes half of the time
        self._renderer.scene.flags[self._mujoco.mjtRndFlag.mjRND_SKYBOX] = False  # a night sky
        picture = self._renderer.render()
        self._renderer.enable_segmentation_rendering()
        segments = self._renderer.render()
        self._renderer.disable_segmentation_rendering()
        is_geom = segments[..., 1] == int(self._mujoco.mjtObj.mjOBJ_GEOM)
        return Frame(picture, np.where(is_geom, segments[..., 0], -1))

    def _apply(self, look: Look) -> None:
        lamps = slice(0, _OVEN_LIGHT)
        self._model.light_diffuse[lamps] = look.lamps[:, None]
        self._model.light_diffuse[_OVEN_LIGHT] = look.oven_light
        self._model.light_castshadow[:] = False
        self._model.light_castshadow[look.shadow] = True  # each shadow takes as long as the picture itself
        directions = self._light_directions[lamps] + look.directions
        self._model.light_dir[lamps] = directions / np.linalg.norm(directions, axis=1, keepdims=True)
        self._model.vis.headlight.diffuse[:] = look.headlight
        for names, color in zip(_PAINTED, look.paint, strict=True):
            for name in names:
                self._model.material(name).rgba[:3] = color

    def _pose(self, state: KitchenState, arm: Vector) -> None:
        self._mujoco.mj_resetDataKeyframe(self._model, self._data, 0)
        self._data.qpos[: len(arm)] = arm
        for appliance, level in zip(APPLIANCES, state.levels, strict=True):
            for joint, value in appliance.joints:
                self._data.joint(joint).qpos[0] = level * value
        x, y, yaw = state.kettle
        self._data.joint("kettle").qpos[:] = x, y, _BURNER_HEIGHT, np.cos(yaw / 2), 0, 0, np.sin(yaw / 2)
        self._mujoco.mj_fwdPosition(self._model, self._data)

    def _rate_arm(self, state: KitchenState, arm: Vector, site: str) -> tuple[bool, float]:
        """Return whether the arm touches something, and its hand's distance from a site in meters."""
        self._pose(state, arm)
        pairs = self._data.contact.geom  # n 2
        touches = np.isin(pairs, self.arm_geoms).any(axis=1) & ~np.isin(pairs, self._robot_geoms).all(axis=1)
        hand, place = self._data.site("end_effector").xpos, self._data.site(site).xpos
        return bool(touches.any()), float(np.linalg.norm(hand - place))


@lru_cache(maxsize=2)
def _load(side: int) -> tuple[Any, Any, Any, Vector]:
    """Load the model, its data and a renderer, which take seconds; and the model's own directions of light."""
    if find_spec("mujoco") is None or find_spec("gymnasium_robotics") is None:
        raise MissingExtraError.of("kitchen", needed_for="Rendering the kitchen")
    os.environ.setdefault("MUJOCO_GL", "egl")  # renders without a screen
    os.environ.setdefault("LP_NUM_THREADS", "1")  # Mesa's: pictures are rendered by one process per core
    failures: tuple[type[Exception], ...] = (ImportError, AttributeError, RuntimeError)  # libEGL's is any of these
    try:
        mujoco: Any = import_module("mujoco")
        failures += (mujoco.FatalError,)
        model = mujoco.MjModel.from_xml_path(str(_find_model()))
        model.vis.quality.shadowsize = _SHADOW_MAP
        model.vis.global_.offwidth = model.vis.global_.offheight = side
        renderer = mujoco.Renderer(model, side, side)
    except failures as error:
        raise MissingExtraError(
            f"MuJoCo cannot render here with MUJOCO_GL={os.environ['MUJOCO_GL']}: {one_line(error)}",
            cure="Install a software renderer, apt-get install libegl1 libgl1-mesa-dri, and set MUJOCO_GL=egl.",
        ) from error
    return model, mujoco.MjData(model), renderer, model.light_dir.copy()


def _find_model() -> Path:
    """Find the model's file without importing gymnasium, which takes seconds and is not needed."""
    spec = find_spec("gymnasium_robotics")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / _MODEL
