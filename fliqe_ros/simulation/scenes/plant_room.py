"""Plant rooms: pipes, tanks, cabinets, cables and fans, some of them hot."""

from fliqe_ros.simulation.scenes.canvas import Canvas
from fliqe_ros.simulation.scenes.sprites import person, Sprite
import numpy as np


def plant_room(canvas: Canvas) -> list[Sprite]:
    """Paint an installation indoors; return the sprites that move in it."""
    rng, ambient = canvas.rng, canvas.rng.uniform(14, 28)
    canvas.temperature += ambient
    canvas.temperature += rng.uniform(0.15, 0.5) * canvas.texture(canvas.height, canvas.width)
    _wall(canvas, ambient)
    floor = canvas.height * rng.uniform(0.75, 0.95)
    canvas.rectangle(-5, floor, canvas.width + 5, canvas.height + 5, ambient - 2, texture=0.4,
                     lift=1.5)
    makers = (_tank, _cabinet, _pipe_run, _pipe_run, _motor, _cables, _grating)
    for _ in range(rng.integers(10, 22)):
        makers[rng.integers(len(makers))](canvas, ambient, floor)
    for _ in range(rng.integers(2, 8)):
        spot = rng.uniform((0, 0), (canvas.width, floor))
        canvas.glow(spot, canvas.width * rng.uniform(0.01, 0.08), rng.uniform(1, 12))
    walkers = []
    for _ in range(rng.integers(0, 3)):
        tall = canvas.height * rng.uniform(0.3, 0.7)
        walkers.append(person(canvas, (rng.uniform(0, canvas.width), floor + 0.1 * tall), tall,
                              (rng.choice([-1, 1]) * 0.4 * tall, 0), rng.uniform(31, 35),
                              ambient))
    return walkers


def _wall(canvas: Canvas, ambient: float) -> None:
    """Paint bricks, panels or plain plaster."""
    rng = canvas.rng
    pitch = canvas.width * rng.uniform(0.04, 0.2)
    if rng.random() < 0.3:
        return
    rows = np.arange(0, canvas.height, pitch * 0.45)
    canvas.strokes([[(0, y), (canvas.width, y)] for y in rows], ambient - rng.uniform(0.3, 1.2))
    columns = [[(x + 0.5 * pitch * (i % 2), y), (x + 0.5 * pitch * (i % 2), y + 0.45 * pitch)]
               for i, y in enumerate(rows) for x in np.arange(0, canvas.width, pitch)]
    canvas.strokes(columns, ambient - rng.uniform(0.3, 1.2))


def _tank(canvas: Canvas, ambient: float, floor: float) -> None:
    """Paint a standing vessel: round shading, a liquid level, hoops, a valve."""
    rng = canvas.rng
    wide = canvas.width * rng.uniform(0.1, 0.35)
    x, top = rng.uniform(0, canvas.width - wide), floor * rng.uniform(0.05, 0.6)
    hot = ambient + rng.uniform(-6, 25)
    level = rng.uniform(top, floor)
    strips = max(8, int(wide / 3))
    for i in range(strips):
        shade = np.sqrt(1 - (2 * (i + 0.5) / strips - 1) ** 2)
        left, right = x + wide * i / strips, x + wide * (i + 1) / strips
        canvas.rectangle(left, top, right, floor, ambient + 0.35 * (hot - ambient) * shade,
                         texture=0.1)
        canvas.rectangle(left, level, right, floor, ambient + (hot - ambient) * shade,
                         texture=0.1)
    for y in np.linspace(top, floor, rng.integers(3, 7)):
        canvas.rectangle(x - 2, y - 2, x + wide + 2, y + 2, ambient + 0.2 * (hot - ambient))
        bolts = np.linspace(x, x + wide, int(wide / 9) + 2)
        for bolt in bolts:
            canvas.ellipse((bolt, y), (1.4, 1.4), ambient - 0.5, texture=0)


def _cabinet(canvas: Canvas, ambient: float, floor: float) -> None:
    """Paint an open switch cabinet: rails of breakers, vents, terminals, one overheating."""
    rng = canvas.rng
    wide, tall = canvas.width * rng.uniform(0.12, 0.3), canvas.height * rng.uniform(0.25, 0.6)
    x, y = rng.uniform(0, canvas.width - wide), floor - tall * rng.uniform(1, 1.3)
    body = ambient + rng.uniform(-1, 3)
    canvas.rectangle(x - 4, y - 4, x + wide + 4, y + tall + 4, body + 1.5, lift=1)
    canvas.rectangle(x, y, x + wide, y + tall, body - 1.5, texture=0.3, lift=2)
    rails, slots = rng.integers(2, 6), rng.integers(4, 12)
    for v in np.linspace(y + 0.08 * tall, y + 0.85 * tall, rails):
        for u in np.linspace(x + 0.06 * wide, x + 0.9 * wide, slots):
            load = rng.exponential(1.2)
            w, h = 0.7 * wide / slots, 0.45 * tall / rails
            canvas.rectangle(u, v, u + w, v + h, body + load, texture=0.1)
            canvas.rectangle(u + 0.3 * w, v + 0.35 * h, u + 0.7 * w, v + 0.65 * h,
                             body + load - 1)
            canvas.strokes([[(u + 0.5 * w, v + h), (u + 0.5 * w + rng.normal(0, 2), v + 1.5 * h)]],
                           body + 1.5 * load)
    canvas.glow(rng.uniform((x, y), (x + wide, y + tall)), 0.06 * wide, rng.uniform(5, 25))


def _pipe_run(canvas: Canvas, ambient: float, floor: float) -> None:
    """Paint a pipe with right-angled bends, flanges and brackets."""
    rng = canvas.rng
    width = canvas.width * rng.uniform(0.008, 0.07)
    x, y = rng.uniform(0, canvas.width), rng.uniform(0, floor)
    line, across = [(-20 if rng.random() < 0.5 else canvas.width + 20, y), (x, y)], False
    for _ in range(rng.integers(0, 3)):
        x, y = (rng.uniform(0, canvas.width), y) if across else (x, rng.uniform(0, floor))
        line.append((x, y))
        across = not across
    line.append((x, -20) if not across else (canvas.width + 20, y))
    hot = ambient + rng.choice([rng.uniform(-8, -2), rng.uniform(2, 40)])
    canvas.pipe(line, ambient + 0.5 * (hot - ambient), width, 0.5 * (hot - ambient))
    for (ax, ay), (bx, by) in zip(line, line[1:]):
        for share in rng.uniform(0.1, 0.9, 2):
            cx, cy = ax + share * (bx - ax), ay + share * (by - ay)
            thick, long = 0.25 * width + 1.5, 0.75 * width
            half = (thick, long) if ay == by else (long, thick)
            canvas.rectangle(cx - half[0], cy - half[1], cx + half[0], cy + half[1],
                             ambient + 0.6 * (hot - ambient))


def _motor(canvas: Canvas, ambient: float, floor: float) -> None:
    """Paint a finned motor with its shaft, hotter in the middle."""
    rng = canvas.rng
    long = canvas.width * rng.uniform(0.1, 0.3)
    tall = long * rng.uniform(0.4, 0.7)
    x, y = rng.uniform(0, canvas.width - long), floor - tall
    hot = ambient + rng.uniform(8, 40)
    canvas.rectangle(x, y, x + long, y + tall, hot, texture=0.5, lift=-0.2 * (hot - ambient))
    fins = np.linspace(y, y + tall, max(4, int(tall / rng.uniform(5, 9))))
    canvas.strokes([[(x, fin), (x + long, fin)] for fin in fins], ambient + 0.55 * (hot - ambient))
    canvas.rectangle(x + long, y + 0.4 * tall, x + 1.4 * long, y + 0.55 * tall, ambient + 3)
    middle, radius = (x + 1.5 * long, y + 0.48 * tall), 0.35 * tall
    canvas.ellipse(middle, (radius, radius), ambient + 5)
    spokes = np.linspace(0, 2 * np.pi, 7)
    ends = np.stack([np.cos(spokes), np.sin(spokes)], axis=1) * radius + middle
    canvas.strokes([[middle, end] for end in ends], ambient + 8, 2)
    canvas.rectangle(x + 0.1 * long, y + tall, x + 0.9 * long, y + 1.15 * tall, ambient + 4)


def _cables(canvas: Canvas, ambient: float, floor: float) -> None:
    """Paint a bundle of sagging cables, some carrying current."""
    rng = canvas.rng
    u = np.linspace(0, 1, 24)
    a, b = rng.uniform((0, 0), (canvas.width, floor), (2, 2))
    for _ in range(rng.integers(3, 12)):
        start, end = a + rng.normal(0, 12, 2), b + rng.normal(0, 12, 2)
        line = start + u[:, None] * (end - start)
        line[:, 1] += 4 * canvas.height * rng.uniform(0.02, 0.12) * u * (1 - u)
        canvas.strokes([line], ambient + rng.exponential(2.5) - 1, rng.uniform(1, 4))


def _grating(canvas: Canvas, ambient: float, floor: float) -> None:
    """Paint a ventilation grille or mesh, fine down to a few pixels."""
    rng = canvas.rng
    wide, tall = canvas.width * rng.uniform(0.06, 0.25), canvas.height * rng.uniform(0.06, 0.25)
    x, y, pitch = rng.uniform(0, canvas.width), rng.uniform(0, floor), rng.uniform(3.5, 9)
    air, bars = ambient + rng.uniform(-4, 8), ambient + rng.uniform(-1, 2)
    canvas.rectangle(x, y, x + wide, y + tall, air, lift=rng.uniform(-2, 2))
    lines = [[(x, v), (x + wide, v)] for v in np.arange(y, y + tall, pitch)]
    if rng.random() < 0.5:
        lines += [[(u, y), (u, y + tall)] for u in np.arange(x, x + wide, pitch)]
    canvas.strokes(lines, bars, 1)
