"""Places out of doors; each painter fills a canvas and returns the sprites that move in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fliqe_ros.simulation.scenes.canvas import Canvas, Points
from fliqe_ros.simulation.scenes.noise import fractal
from fliqe_ros.simulation.scenes.sprites import car, flyer, paint_car, person, Sprite
import numpy as np


@dataclass(frozen=True)
class View:
    """Pinhole camera above flat ground: metres to pixels."""

    middle: float
    horizon: float
    focal: float
    mast_m: float

    def __call__(self, x_m: np.ndarray | float, z_m: np.ndarray | float,
                 up_m: np.ndarray | float = 0.0) -> tuple[Any, Any]:
        """Project a point x to the right, z ahead and up above the ground to (x, y) in px."""
        return (self.middle + self.focal * x_m / z_m,
                self.horizon + self.focal * (self.mast_m - up_m) / z_m)

    @classmethod
    def of(cls, canvas: Canvas, low: float = 0.35, high: float = 0.55,
           mast_m: float = 1.7) -> View:
        """Draw a view whose horizon is between the shares ``low`` and ``high`` of the height."""
        rng = canvas.rng
        return cls(canvas.width * rng.uniform(0.35, 0.65), canvas.height * rng.uniform(low, high),
                   canvas.width * rng.uniform(0.7, 1.3), mast_m)


def _outdoors(canvas: Canvas, view: View, ambient: float) -> None:
    """Paint sky and ground."""
    rng, temperature = canvas.rng, canvas.temperature
    horizon = int(np.clip(view.horizon, 1, canvas.height - 1))
    depth = rng.uniform(4, 18)
    rows = np.linspace(-depth, -0.25 * depth, horizon, dtype=np.float32)[:, None]
    clouds = fractal(rng, horizon, canvas.width, 1.7, stretch=6)
    temperature[:horizon] = ambient + rows + rng.uniform(0.1, 0.2) * depth * clouds
    below = canvas.height - horizon
    near = np.linspace(0, 1, below, dtype=np.float32)[:, None]
    far_texture = fractal(rng, below, canvas.width, 1.1, stretch=8)
    near_texture = fractal(rng, below, canvas.width, 1.2, stretch=2)
    texture = far_texture * (1 - near) + near_texture * near
    temperature[horizon:] = ambient + rng.uniform(-2, 3) * near + rng.uniform(0.8, 3.0) * texture


def _grass(canvas: Canvas, view: View, ambient: float, blades: int) -> None:
    """Paint tufts that grow towards the viewer."""
    rng = canvas.rng
    for _ in range(4):
        z_m = 1.6 / rng.uniform(0.02, 0.9, blades)
        x_m = rng.uniform(-0.6, 0.6, blades) * z_m * canvas.width / view.focal
        tall_m = rng.uniform(0.05, 0.25, blades)
        lean_m = rng.normal(0, 0.07, blades)
        foot = np.stack(view(x_m, z_m), axis=1)
        tip = np.stack(view(x_m + lean_m, z_m, tall_m), axis=1)
        canvas.strokes(np.stack([foot, tip], axis=1), ambient + rng.normal(0, 1.5))


def _tree(canvas: Canvas, foot: Points, height: float, ambient: float,
          leafy: bool = True) -> None:
    """Paint a tree ``height`` pixels tall, in leaf or bare."""
    rng = canvas.rng
    x, y = foot
    trunk = ambient + rng.uniform(-1, 3)
    bole = (0.55 if leafy else 0.31) * height
    canvas.strokes([[(x, y), (x + 0.01 * height, y - bole)]], trunk, max(1, 0.045 * height),
                   texture=0.4)
    if leafy:
        for _ in range(3):
            wide = height * rng.uniform(0.18, 0.3)
            canvas.foliage((x + rng.normal(0, 0.1) * height, y - rng.uniform(0.5, 0.8) * height),
                           (wide, wide * rng.uniform(0.7, 1.1)), ambient + rng.uniform(-1, 1))
        return
    lines: dict[int, list] = {}
    tips = [(x, y - 0.3 * height, -90.0, 0.26 * height)]
    for depth in range(6):
        grown = []
        for bx, by, angle, reach in tips:
            for turn in rng.normal((-24, 24), 10):
                a = np.radians(angle + turn)
                end = (bx + reach * np.cos(a), by + reach * np.sin(a))
                lines.setdefault(depth, []).append([(bx, by), end])
                grown.append((*end, angle + turn, reach * rng.uniform(0.55, 0.85)))
        tips = grown
    for depth, twigs in lines.items():
        canvas.strokes(twigs, trunk - 0.3 * depth, max(1, 0.028 * height * 0.5 ** depth),
                       texture=0.3)


def _tree_line(canvas: Canvas, view: View, ambient: float, height_px: float) -> None:
    """Paint the wood at the horizon: trunks and crowns side by side."""
    rng = canvas.rng
    x = -10.0
    while x < canvas.width + 10:
        tall = height_px * rng.uniform(0.6, 1.2)
        _tree(canvas, (x, view.horizon + 2), tall, ambient, leafy=rng.random() < 0.6)
        x += tall * rng.uniform(0.15, 0.6)


def _facade(canvas: Canvas, corners: Points, floors: int | np.integer, bays: int | np.integer,
            ambient: float) -> None:
    """Paint a house front on a quadrilateral: top left, top right, bottom right, bottom left."""
    rng = canvas.rng
    top_left, top_right, bottom_right, bottom_left = np.asarray(corners, np.float64)
    wall = ambient + rng.uniform(-1, 6)

    def at(u: float, v: float) -> np.ndarray:
        upper = top_left + u * (top_right - top_left)
        return upper + v * (bottom_left + u * (bottom_right - bottom_left) - upper)

    def panel(u0: float, v0: float, u1: float, v1: float, temperature_c: float | np.ndarray,
              texture: float = 0.15) -> None:
        canvas.fill([at(u0, v0), at(u1, v0), at(u1, v1), at(u0, v1)], temperature_c, texture)

    canvas.fill(corners, wall, texture=rng.uniform(0.2, 0.6), lift=rng.uniform(-3, 0))
    if rng.random() < 0.7:
        courses = np.linspace(0, 1, max(4, int(np.ptp([bottom_left[1], top_left[1]]) / 7)))
        canvas.strokes([[at(0, v), at(1, v)] for v in courses], wall - rng.uniform(0.2, 1.2),
                       texture=0.4)
    glass, bar, sill = wall - rng.uniform(1, 6), rng.random() < 0.6, rng.uniform(0.5, 4)
    for floor in range(floors):
        v = (floor + 0.25) / floors
        for bay in range(bays):
            u = (bay + 0.25) / bays
            leak = rng.uniform(3, 9) if rng.random() < 0.12 else 0.0
            wide, tall = 0.5 / bays, 0.52 / floors
            panel(u, v, u + wide, v + tall, glass + leak + rng.normal(0, 0.4), 0.25)
            panel(u, v + tall, u + wide, v + tall * 1.12, wall + sill)
            if bar:
                canvas.strokes([[at(u + wide / 2, v), at(u + wide / 2, v + tall)],
                                [at(u, v + tall / 3), at(u + wide, v + tall / 3)]], wall + 0.8)
        edge = floor / floors
        canvas.strokes([[at(0, edge), at(1, edge)]], wall - 0.7)
    for _ in range(rng.integers(0, 5)):
        u, v = rng.uniform(0.05, 0.9), rng.uniform(0.1, 0.9)
        panel(u, v, u + 0.3 / bays, v + 0.2 / floors, wall + rng.uniform(3, 12))


def road(canvas: Canvas) -> list[Sprite]:
    """Paint a street: houses, trees, lamps, cars and people, nearer ones larger."""
    rng, view, ambient = canvas.rng, View.of(canvas), canvas.rng.uniform(0, 25)
    _outdoors(canvas, view, ambient)
    _tree_line(canvas, view, ambient - 1, canvas.height * rng.uniform(0.03, 0.1))
    _grass(canvas, view, ambient, 500)
    asphalt, half_m = ambient + rng.uniform(1, 7), rng.uniform(3.5, 6)
    canvas.fill([view(-half_m, 300), view(half_m, 300), view(half_m, 1.5), view(-half_m, 1.5)],
                asphalt, texture=0.4)
    for side in (-1, 1):
        verge = [view(side * half_m, z) for z in (300, 2)]
        canvas.strokes([verge], asphalt - 3, 2)
        for track_m in (0.8, 2.4):
            canvas.fill([view(side * track_m, 150), view(side * (track_m + 0.4), 150),
                         view(side * (track_m + 0.4), 1.5), view(side * track_m, 1.5)],
                        asphalt + rng.uniform(0.3, 1), texture=0.3)
    for dash in range(3, 80, 6):
        canvas.fill([view(-0.08, dash + 3), view(0.08, dash + 3), view(0.08, dash),
                     view(-0.08, dash)],
                    asphalt - 1.5)
    for z in np.sort(rng.uniform(5, 70, 14))[::-1]:
        side = rng.choice([-1, 1])
        _roadside(canvas, view, side, half_m, z, ambient)
    sprites = []
    for _ in range(rng.integers(2, 6)):
        z, way = rng.uniform(12, 45), rng.choice([-1, 1])
        scale = view.focal / z
        sprites.append((z, car(canvas, view(rng.uniform(-20, 20), z), 4.3 * scale,
                               (way * rng.uniform(2, 8) * scale, 0), ambient)))
    for _ in range(rng.integers(2, 7)):
        z, way = rng.uniform(6, 30), rng.choice([-1, 1])
        scale = view.focal / z
        sprites.append((z, person(canvas, view(rng.uniform(-8, 8), z), 1.75 * scale,
                                  (way * rng.uniform(0.6, 1.6) * scale, 0),
                                  rng.uniform(29, 34), ambient)))
    return [sprite for _, sprite in sorted(sprites, key=lambda item: -item[0])]


def _roadside(canvas: Canvas, view: View, side: int, half_m: float, z_m: float,
              ambient: float) -> None:
    """Paint a house, tree, lamp or parked car ``z_m`` ahead."""
    rng = canvas.rng
    kind = rng.choice(['house', 'house', 'tree', 'tree', 'lamp', 'car'])
    if kind == 'house':
        x, far, tall = side * (half_m + rng.uniform(4, 9)), z_m * 1.7, rng.uniform(5, 15)
        flank = [view(x, far, tall), view(x, z_m, tall), view(x, z_m), view(x, far)]
        _facade(canvas, flank, max(2, int(tall / 3)), rng.integers(3, 9), ambient)
        outer = x + side * rng.uniform(6, 14)
        front = [view(x, z_m, tall), view(outer, z_m, tall), view(outer, z_m), view(x, z_m)]
        _facade(canvas, front, max(2, int(tall / 3)), rng.integers(2, 6), ambient)
    elif kind == 'tree':
        foot = view(side * (half_m + rng.uniform(1.5, 5)), z_m)
        _tree(canvas, foot, rng.uniform(4, 9) * view.focal / z_m, ambient, rng.random() < 0.7)
    elif kind == 'lamp':
        x, tall = side * (half_m + 1), rng.uniform(5, 8)
        pole = [view(x, z_m), view(x, z_m, tall), view(x - side * 1.5, z_m, tall + 0.3)]
        canvas.strokes([pole], ambient + 2, max(1, 0.12 * view.focal / z_m))
        canvas.ellipse(pole[-1], (0.3 * view.focal / z_m, 0.1 * view.focal / z_m), ambient + 15)
    else:
        paint_car(canvas, view(side * (half_m - 1), z_m), 1.8 * view.focal / z_m, ambient, False)


def horizon(canvas: Canvas) -> list[Sprite]:
    """Paint open land under a large sky: a wood, a fence, huts, something flying."""
    rng, ambient = canvas.rng, canvas.rng.uniform(-5, 22)
    view = View.of(canvas, 0.55, 0.8, mast_m=3)
    _outdoors(canvas, view, ambient)
    hills = view.horizon - canvas.height * 0.06 * np.abs(
        np.cumsum(rng.normal(0, 0.35, 25)) / 3 + 0.5)
    outline = list(zip(np.linspace(-5, canvas.width + 5, 25), hills))
    canvas.fill(outline + [(canvas.width + 5, view.horizon + 3), (-5, view.horizon + 3)],
                ambient - rng.uniform(0, 3), texture=0.5)
    _tree_line(canvas, view, ambient + rng.uniform(-1, 3), canvas.height * rng.uniform(0.06, 0.2))
    for _ in range(rng.integers(0, 4)):
        x, wide = rng.uniform(0, canvas.width), canvas.width * rng.uniform(0.05, 0.2)
        top = view.horizon - wide * rng.uniform(0.2, 0.5)
        _facade(canvas, [(x, top), (x + wide, top), (x + wide, view.horizon + 3),
                         (x, view.horizon + 3)], rng.integers(1, 3), rng.integers(3, 8), ambient)
    posts = np.arange(-60, 60, 2.5)
    near = rng.uniform(12, 30)
    canvas.strokes([[view(x, near), view(x, near, 1.3)] for x in posts], ambient + 2,
                   max(1, 0.1 * view.focal / near))
    canvas.strokes([[view(-60, near, up), view(60, near, up)] for up in (0.5, 0.9, 1.25)],
                   ambient + 1)
    _grass(canvas, view, ambient, 900)
    return [flyer(canvas, rng.uniform((0, 0), (canvas.width, 0.8 * view.horizon)),
                  rng.uniform(8, 40), rng.uniform((-40, -3), (40, 3)),
                  ambient + rng.uniform(2, 12))
            for _ in range(rng.integers(1, 5))]


def facade(canvas: Canvas) -> list[Sprite]:
    """Paint a house from the front: windows, pipes, wires, people passing."""
    rng, ambient = canvas.rng, canvas.rng.uniform(-5, 20)
    view = View.of(canvas, 0.6, 0.75)
    _outdoors(canvas, view, ambient)
    x = -rng.uniform(0, 0.3) * canvas.width
    while x < canvas.width:
        wide, top = canvas.width * rng.uniform(0.3, 0.7), canvas.height * rng.uniform(-0.2, 0.3)
        slope = rng.uniform(-0.1, 0.1) * canvas.height
        foot = canvas.height * rng.uniform(0.78, 0.85)
        _facade(canvas, [(x, top), (x + wide, top + slope), (x + wide, foot), (x, foot)],
                rng.integers(2, 6), rng.integers(3, 8), ambient)
        x += wide * rng.uniform(0.98, 1.2)
    for _ in range(rng.integers(1, 4)):
        px = rng.uniform(0, canvas.width)
        canvas.pipe([(px, 0), (px, 0.85 * canvas.height)], ambient + rng.uniform(0, 8),
                    rng.uniform(3, 9), rng.uniform(0.5, 3))
    sag = np.linspace(0, 1, 20)
    for _ in range(rng.integers(1, 5)):
        a, b = rng.uniform(0, 0.4 * canvas.height, 2)
        canvas.strokes([np.stack([sag * canvas.width, a + (b - a) * sag + 60 * sag * (1 - sag)],
                                 axis=1)], ambient - 2)
    for _ in range(rng.integers(0, 3)):
        _tree(canvas, (rng.uniform(0, canvas.width), 0.88 * canvas.height),
              canvas.height * rng.uniform(0.3, 0.7), ambient, rng.random() < 0.5)
    _grass(canvas, view, ambient, 400)
    tall = canvas.height * rng.uniform(0.2, 0.45, 4)
    return [person(canvas, (rng.uniform(0, canvas.width), 0.82 * canvas.height + 0.2 * size), size,
                   (rng.choice([-1, 1]) * 0.6 * size, 0), rng.uniform(28, 34), ambient)
            for size in sorted(tall)[:rng.integers(1, 5)]]


def forest(canvas: Canvas) -> list[Sprite]:
    """Paint the inside of a wood: trunks, twigs, leaves, grass, a warm creature or a walker."""
    rng, ambient = canvas.rng, canvas.rng.uniform(-2, 22)
    view = View.of(canvas, 0.45, 0.65)
    _outdoors(canvas, view, ambient)
    leafy = rng.uniform(0.2, 0.9)
    for layer in np.sort(rng.uniform(0.25, 1.3, rng.integers(8, 18))):
        foot = (rng.uniform(0, canvas.width), view.horizon + 0.45 * layer ** 2 * canvas.height)
        _tree(canvas, foot, layer * canvas.height * 0.8, ambient + rng.normal(0, 1),
              rng.random() < leafy)
        if rng.random() < 0.4:
            canvas.foliage(foot, (0.12 * layer * canvas.width, 0.06 * layer * canvas.height),
                           ambient + rng.normal(0, 1), contrast=0.8)
    _grass(canvas, view, ambient, 1500)
    sprites = []
    for _ in range(rng.integers(1, 4)):
        size = canvas.height * rng.uniform(0.08, 0.35)
        sprites.append(person(canvas, (rng.uniform(0, canvas.width),
                                       view.horizon + 0.9 * size), size,
                              (rng.choice([-1, 1]) * 0.5 * size, 0), rng.uniform(26, 33),
                              ambient))
    return sprites
