"""Renders one frame: table, shadows, things and hand, from far to near, then vignette and sensor noise."""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from actionpairs.synthetic.animation import HandPose, Moment
from actionpairs.synthetic.camera import Camera
from actionpairs.synthetic.hand import SKINS, SLEEVES, HandPicture, HandStyle, draw_hand
from actionpairs.synthetic.light import Light, choose_light
from actionpairs.synthetic.scene import Scene
from actionpairs.synthetic.shadow import Shadow, cast_shadow, combine_shadows
from actionpairs.synthetic.sprites import Sprite, blend_sprite, draw_thing
from actionpairs.synthetic.table_texture import COVERS, TableTexture, make_table_texture
from actionpairs.synthetic.world import Placement, Thing

Pixels = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float64]
_NOISE_FIELDS = 8
_CLOSURES = 4  # steps from an open hand to a closed one
_HAND_SHADE = 0.42


@dataclass(frozen=True, slots=True)
class Style:
    """What all videos of a participant have in common: table, light, skin, sleeve and sensor noise."""

    table: TableTexture
    light: Light
    hand: HandStyle
    noise: float  # standard deviation, 8-bit levels


def choose_style(rng: np.random.Generator, participant: int, frame_height: int) -> Style:
    """Choose a participant's style. Participants next to each other have different table covers."""
    light = choose_light(rng)
    cover = COVERS[(participant - 1) % len(COVERS)]
    table = make_table_texture(rng, cover, light, 2.1 * frame_height)
    skin = SKINS[int(rng.integers(0, len(SKINS)))]
    sleeve = SLEEVES[int(rng.integers(0, len(SLEEVES)))]
    return Style(table, light, HandStyle(skin, sleeve), float(rng.uniform(1.1, 1.9)))


class FrameRenderer:
    """Renders the frames of one video. Caches what does not change from frame to frame."""

    def __init__(self, scene: Scene, style: Style, rng: np.random.Generator) -> None:
        self._scene = scene
        self._style = style
        self._rng = rng
        self._fields = _make_noise_fields(rng, scene.camera.size, style.noise)
        self._vignette = _shape_vignette(scene.camera.size)
        self._sprites: dict[tuple[Thing, Placement], Sprite | None] = {}
        self._shadows: dict[tuple[Thing, Placement], Shadow] = {}
        self._hands: dict[tuple[float, int, bool], tuple[HandPicture, Pixels]] = {}
        self._table_key: tuple[Placement, ...] = ()
        self._table = style.table.picture
        self._still: tuple[tuple[Placement, ...], Camera, Pixels] | None = None

    def render(self, camera: Camera, moment: Moment) -> Pixels:
        """Render one frame.  H W 3 RGB"""
        resting = tuple(
            placement
            for index, placement in enumerate(moment.world)
            if index != moment.moving and placement.state not in ("absent", "covered")
        )
        if moment.moving is None:
            picture = self._render_still(camera, moment, resting)
        else:
            picture = self._render_table(camera, moment, resting)
            self._draw_moving_shadow(picture, camera, moment, moment.moving)
            self._draw_things(picture, camera, moment)
        if moment.hand is not None:
            self._draw_hand(picture, camera, moment.hand)
        return self._add_vignette_and_noise(picture)

    def _render_still(self, camera: Camera, moment: Moment, resting: tuple[Placement, ...]) -> Pixels:
        if self._still is None or self._still[:2] != (resting, camera):
            picture = self._render_table(camera, moment, resting)
            self._draw_things(picture, camera, moment)
            self._still = (resting, camera, picture)
        return self._still[2].copy()

    def _render_table(self, camera: Camera, moment: Moment, resting: tuple[Placement, ...]) -> Pixels:
        """Render the table with the shadows of all things that rest on it."""
        if resting != self._table_key:
            shadows = [
                self._cast_resting_shadow(self._scene.things[index], placement)
                for index, placement in enumerate(moment.world)
                if index != moment.moving and placement.state not in ("absent", "covered")
            ]
            picture = self._style.table.picture
            kept = cv2.resize(combine_shadows(shadows), picture.shape[1::-1], interpolation=cv2.INTER_CUBIC)
            self._table = _as_pixels(cv2.multiply(picture, cv2.cvtColor(kept, cv2.COLOR_GRAY2RGB), scale=1 / 255))
            self._table_key = resting
        to_picture = camera.map_table() @ self._style.table.map_to_meters()
        return _as_pixels(cv2.warpPerspective(self._table, to_picture, camera.size, borderMode=cv2.BORDER_REFLECT))

    def _cast_resting_shadow(self, thing: Thing, placement: Placement) -> Shadow:
        key = (thing, placement)
        if key not in self._shadows:
            self._shadows[key] = cast_shadow(thing, placement, self._style.light)
        return self._shadows[key]

    def _draw_moving_shadow(self, picture: Pixels, camera: Camera, moment: Moment, moving: int) -> None:
        shadow = cast_shadow(self._scene.things[moving], moment.world[moving], self._style.light)
        to_picture = camera.map_table() @ shadow.map_to_meters()
        kept = cv2.warpPerspective(
            shadow.kept, to_picture, camera.size, borderMode=cv2.BORDER_CONSTANT, borderValue=255
        )
        cv2.multiply(picture, cv2.cvtColor(kept, cv2.COLOR_GRAY2RGB), dst=picture, scale=1 / 255)

    def _draw_things(self, picture: Pixels, camera: Camera, moment: Moment) -> None:
        """Draw all things, the farthest first; a thing that stands on another comes after it."""
        far_to_near = sorted(
            range(len(moment.world)), key=lambda index: (-moment.world[index].y, moment.world[index].z, index)
        )
        for index in far_to_near:
            placement, thing = moment.world[index], self._scene.things[index]
            if placement.state in ("absent", "covered"):
                continue
            if index == moment.moving:
                sprite = draw_thing(thing, placement, camera, self._style.light)
            else:
                sprite = self._draw_resting(thing, placement, camera)
            if sprite is not None:
                blend_sprite(picture, sprite)

    def _draw_resting(self, thing: Thing, placement: Placement, camera: Camera) -> Sprite | None:
        """Return the sprite of a resting thing. It is drawn once, then warped to the camera's current pose."""
        key = (thing, placement)
        if key not in self._sprites:
            self._sprites[key] = draw_thing(thing, placement, self._scene.camera, self._style.light)
        sprite = self._sprites[key]
        if sprite is None or camera == self._scene.camera:
            return sprite
        return _warp_sprite(sprite, thing, placement, self._scene.camera, camera)

    def _draw_hand(self, picture: Pixels, camera: Camera, pose: HandPose) -> None:
        """Draw the hand and its shadow. Both are rendered once per closure and heading, then moved and scaled."""
        resting = self._scene.camera
        density = (
            resting.focal * resting.size[1] / float(np.linalg.norm(np.subtract(resting.position, resting.target)))
        )
        level = round(pose.closure * _CLOSURES)
        key = (pose.heading, level, pose.left_handed)
        if key not in self._hands:
            drawn = draw_hand(
                level / _CLOSURES,
                pose.heading,
                pose.left_handed,
                resting.axes(),
                density,
                self._style.hand,
                self._style.light,
            )
            self._hands[key] = (drawn, _blur_alpha(drawn))
        drawn, blurred = self._hands[key]
        spots, depth = camera.project(np.array([pose.grip]))
        scale = camera.focal * camera.size[1] / float(depth[0]) / density
        lamp = self._style.light.direction
        drop = max(pose.grip[2] - 0.01, 0.0)
        ground = camera.project_point(
            pose.grip[0] - drop * lamp[0] / lamp[2], pose.grip[1] - drop * lamp[1] / lamp[2], 0.01
        )
        shade = _move_picture(blurred, (drawn.grip[0] / 4, drawn.grip[1] / 4), ground, scale * 4, camera.size)
        _darken(picture, *shade)
        spot = (float(spots[0, 0]), float(spots[0, 1]))
        blend_sprite(picture, Sprite(*_move_picture(drawn.rgba, drawn.grip, spot, scale, camera.size)))

    def _add_vignette_and_noise(self, picture: Pixels) -> Pixels:
        """Darken the corners as a lens does, and add sensor noise, in place."""
        cv2.multiply(picture, self._vignette, dst=picture, scale=1 / 255)
        brighter, darker = self._fields[int(self._rng.integers(0, _NOISE_FIELDS))]
        height, width = picture.shape[:2]
        top, left = int(self._rng.integers(0, 32)), int(self._rng.integers(0, 32))
        window = (slice(top, top + height), slice(left, left + width))
        cv2.add(picture, brighter[window], dst=picture)
        cv2.subtract(picture, darker[window], dst=picture)
        return picture


def _as_pixels(picture: npt.NDArray[np.generic] | cv2.typing.MatLike) -> Pixels:
    return np.asarray(picture, np.uint8)


def _make_noise_fields(
    rng: np.random.Generator, size: tuple[int, int], noise: float
) -> list[tuple[Pixels, Pixels]]:
    """Make noise fields, each split into positive and negative parts, 32 pixels larger than a frame."""
    shape = (size[1] + 32, size[0] + 32, 3)
    fields = [np.round(rng.normal(0, noise, shape)) for _ in range(_NOISE_FIELDS)]
    return [(np.maximum(field, 0).astype(np.uint8), np.maximum(-field, 0).astype(np.uint8)) for field in fields]


def _shape_vignette(size: tuple[int, int]) -> Pixels:
    across, along = np.meshgrid(np.linspace(-1, 1, size[0]), np.linspace(-1, 1, size[1]))
    fall = 255 * (1 - 0.17 * (0.62 * across**2 + 0.38 * along**2) ** 1.3)
    return np.repeat(np.round(fall).astype(np.uint8)[:, :, None], 3, axis=2)


def _blur_alpha(drawn: HandPicture) -> Pixels:
    """Return the hand's blurred shadow (H W), at a quarter of its size."""
    height, width = drawn.rgba.shape[:2]
    small = cv2.resize(drawn.rgba[:, :, 3], (width // 4, height // 4), interpolation=cv2.INTER_AREA)
    return _as_pixels(cv2.GaussianBlur(small, (0, 0), max(height / 200, 0.8)) * np.float32(_HAND_SHADE))


def _darken(picture: Pixels, shade: Pixels, left: int, top: int) -> None:
    """Darken a picture by a shadow (H W), in place."""
    if shade.size == 0:
        return
    window = picture[top : top + shade.shape[0], left : left + shade.shape[1]]
    kept = cv2.cvtColor(cv2.bitwise_not(shade), cv2.COLOR_GRAY2RGB)
    cv2.multiply(window, kept, dst=window, scale=1 / 255)


def _move_picture(
    picture: Pixels,
    anchor: tuple[float, float],
    spot: tuple[float, float],
    scale: float,
    size: tuple[int, int],
) -> tuple[Pixels, int, int]:
    """Scale a picture and move its anchor to a spot of a frame. Returns the part in view, its left and its top."""
    x, y = spot[0] - anchor[0] * scale, spot[1] - anchor[1] * scale
    left, top = max(int(np.floor(x)), 0), max(int(np.floor(y)), 0)
    right = min(int(np.ceil(x + picture.shape[1] * scale)), size[0])
    bottom = min(int(np.ceil(y + picture.shape[0] * scale)), size[1])
    if left >= right or top >= bottom:
        return picture[:0, :0], left, top
    shift = np.array([[scale, 0, x - left], [0, scale, y - top]])
    moved = cv2.warpAffine(picture, shift, (right - left, bottom - top), flags=cv2.INTER_LINEAR)
    return _as_pixels(moved), left, top


def _warp_sprite(
    sprite: Sprite, thing: Thing, placement: Placement, drawn: Camera, current: Camera
) -> Sprite | None:
    """Warp a sprite from the camera that it was drawn for to one near it, as if it were a plane."""
    flat = thing.height < thing.radius * 0.7
    middle = np.array([placement.x, placement.y, placement.z + (thing.height / 2 if flat else 0.0)])
    across = drawn.axes()[0]
    along = np.array([-across[1], across[0], 0.0]) if flat else np.array([0.0, 0.0, 1.0])
    warp = current.map_plane(middle, across, along) @ np.linalg.inv(drawn.map_plane(middle, across, along))
    warp = warp @ np.array([[1.0, 0.0, sprite.left], [0.0, 1.0, sprite.top], [0.0, 0.0, 1.0]])
    height, width = sprite.rgba.shape[:2]
    corners = warp @ np.array([[0, width, 0, width], [0, 0, height, height], [1, 1, 1, 1]])
    corners = corners[:2] / corners[2]
    left, top = np.floor(corners.min(axis=1)).astype(int)
    right, bottom = np.ceil(corners.max(axis=1)).astype(int) + 1
    shifted = np.array([[1.0, 0.0, -left], [0.0, 1.0, -top], [0.0, 0.0, 1.0]]) @ warp
    warped = cv2.warpPerspective(
        sprite.rgba, shifted, (int(right - left), int(bottom - top)), flags=cv2.INTER_LINEAR
    )
    return Sprite(_as_pixels(warped), int(left), int(top))
