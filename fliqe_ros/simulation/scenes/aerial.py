"""The ground from a drone: fields, roads, houses, trees, cars and people."""

from fliqe_ros.simulation.scenes.canvas import Canvas, Points, rotated
from fliqe_ros.simulation.scenes.sprites import (
    car_from_above, paint_car_from_above, Sprite, walker_from_above)
import numpy as np


def aerial(canvas: Canvas) -> list[Sprite]:
    """Paint the view straight down; return the sprites that move in it."""
    rng, ambient = canvas.rng, canvas.rng.uniform(0, 28)
    scale = canvas.width / rng.uniform(50, 160)  # pixels per metre
    turn = rng.uniform(0, 180)
    middle = np.array([canvas.width, canvas.height]) / 2
    reach = 0.75 * np.hypot(canvas.width, canvas.height)
    canvas.temperature += ambient + rng.uniform(0.5, 1.2) * canvas.texture(
        canvas.height, canvas.width)
    _fields(canvas, middle, reach, turn, scale, ambient)
    lanes = rng.uniform(-0.6, 0.6, rng.integers(1, 3)) * reach
    for i, offset in enumerate(lanes):
        _road(canvas, middle, reach, turn + 90 * (i % 2), offset, scale, ambient)
    for _ in range(rng.integers(0, 7)):
        _house(canvas, rng.uniform((0, 0), (canvas.width, canvas.height)), turn, scale, ambient)
    for _ in range(rng.integers(5, 45)):
        _crown(canvas, rng.uniform((0, 0), (canvas.width, canvas.height)), scale, ambient)
    return _traffic(canvas, middle, turn, lanes, scale, ambient)


def _fields(canvas: Canvas, middle: Points, reach: float, turn: float, scale: float,
            ambient: float) -> None:
    """Paint parcels, some in rows, and paths between them."""
    rng = canvas.rng
    cuts = np.sort(rng.uniform(-reach, reach, rng.integers(2, 6)))
    edges = [-reach, *cuts, reach]
    for low, high in zip(edges, edges[1:]):
        split = rng.uniform(-reach, reach)
        for left, right in ((-reach, split), (split, reach)):
            corners = np.array([(left, low), (right, low), (right, high), (left, high)])
            ground = ambient + rng.uniform(-3, 4)
            canvas.fill(rotated(corners, turn) + middle, ground, texture=rng.uniform(0.3, 1.2))
            if rng.random() < 0.5:
                rows = np.arange(low, high, max(3.0, scale * rng.uniform(0.5, 3)))
                canvas.strokes([rotated([(left, y), (right, y)], turn) + middle for y in rows],
                               ground + rng.choice([-1, 1]) * rng.uniform(0.4, 1.5), 1)
    for cut in cuts:
        canvas.strokes([rotated([(-reach, cut), (reach, cut)], turn) + middle],
                       ambient + rng.uniform(-2, 4), max(1, scale * rng.uniform(0.3, 1.5)))


def _road(canvas: Canvas, middle: Points, reach: float, turn: float, offset: float,
          scale: float, ambient: float) -> None:
    """Paint a road with kerbs, a broken line and parked cars."""
    rng, half = canvas.rng, 3.5 * scale
    asphalt = ambient + rng.uniform(2, 8)

    def along(points: Points) -> np.ndarray:
        return rotated(np.asarray(points) + (0, offset), turn) + middle

    canvas.fill(along([(-reach, -half), (reach, -half), (reach, half), (-reach, half)]), asphalt,
                texture=0.4)
    canvas.strokes([along([(-reach, side * half), (reach, side * half)]) for side in (-1, 1)],
                   asphalt - 3)
    dashes = np.arange(-reach, reach, 6 * scale)
    canvas.strokes([along([(x, 0), (x + 3 * scale, 0)]) for x in dashes], asphalt - 2,
                   max(1, 0.15 * scale))
    for x in rng.uniform(-reach, reach, rng.integers(2, 14)):
        spot = along([(x, rng.choice([-1, 1]) * (half - scale))])[0]
        paint_car_from_above(canvas, spot, 4.3 * scale, turn, ambient)


def _house(canvas: Canvas, spot: Points, turn: float, scale: float, ambient: float) -> None:
    """Paint a roof with its ridge, chimneys, skylights and the shadow it casts."""
    rng = canvas.rng
    long, wide = scale * rng.uniform(4, 14), scale * rng.uniform(3, 7)

    def part(x0: float, y0: float, x1: float, y1: float, temperature_c: float | np.ndarray,
             texture: float = 0.3) -> None:
        corners = np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)])
        canvas.fill(rotated(corners, turn) + spot, temperature_c, texture)

    roof = ambient + rng.uniform(-8, 8)
    part(-long + scale, -wide + scale, long + 2 * scale, wide + 2 * scale, ambient - 4)
    part(-long, -wide, long, 0, roof)
    part(-long, 0, long, wide, roof + rng.uniform(-4, 4))
    tiles = np.arange(-long, long, max(3.0, 0.5 * scale))
    canvas.strokes([rotated([(x, -wide), (x, wide)], turn) + spot for x in tiles], roof - 0.6)
    for x, y in rng.uniform((-0.9 * long, -0.9 * wide), (0.8 * long, 0.8 * wide), (4, 2)):
        part(x, y, x + scale, y + 0.8 * scale, roof + rng.uniform(-6, 14))


def _crown(canvas: Canvas, spot: Points, scale: float, ambient: float) -> None:
    """Paint a tree from above with its cool shadow."""
    rng = canvas.rng
    radius = scale * rng.uniform(1, 3.5)
    canvas.foliage(np.add(spot, 0.5 * radius), (radius, radius), ambient - 3, contrast=0.15)
    canvas.foliage(spot, (radius, radius * rng.uniform(0.8, 1.2)), ambient + rng.uniform(-4, 3),
                   contrast=rng.uniform(0.4, 1))


def _traffic(canvas: Canvas, middle: Points, turn: float, lanes: np.ndarray, scale: float,
             ambient: float) -> list[Sprite]:
    """Send cars along the roads and people across the fields."""
    rng, sprites = canvas.rng, []
    for i, offset in enumerate(lanes):
        angle = turn + 90 * (i % 2)
        for way in rng.choice([-1, 1], rng.integers(1, 4)):
            start = rotated([(rng.uniform(-0.5, 0.5) * canvas.width, offset + 1.7 * way * scale)],
                            angle)[0] + middle
            velocity = rotated([(way * rng.uniform(3, 10) * scale, 0)], angle)[0]
            sprites.append(car_from_above(canvas, start, 4.3 * scale, velocity, ambient))
    for _ in range(rng.integers(2, 14)):
        start = rng.uniform((0, 0), (canvas.width, canvas.height))
        velocity = rotated([(rng.uniform(0.5, 1.6) * scale, 0)], rng.uniform(0, 360))[0]
        sprites.append(walker_from_above(canvas, start, max(1.5, 0.35 * scale), velocity,
                                         rng.uniform(28, 35)))
    return sprites
