"""Things that move through a scene: cut-outs with an outline and a path."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
from fliqe_ros.simulation.scenes.canvas import Canvas, Points, rotated
import numpy as np


@dataclass(frozen=True)
class Sprite:
    """
    A cut-out that travels over the canvas and comes back on the other side.

    ``heat`` is temperature × opacity, both float32 of the same shape; ``start`` is where its
    middle is at t = 0, in canvas pixels; ``velocity`` in pixels per second; ``span`` the size
    of the region it wraps around in.
    """

    heat: np.ndarray
    opacity: np.ndarray
    start: Points
    velocity: Points
    span: tuple[int, int]
    sway: float = 0.0

    @classmethod
    def cut_out(cls, piece: Canvas, canvas: Canvas, start: Points, velocity: Points,
                sway: float = 0.0) -> Sprite:
        """Take what was painted on the canvas ``piece`` as a sprite of ``canvas``."""
        return cls(piece.temperature * piece.coverage, piece.coverage, start, velocity,
                   (canvas.width, canvas.height), sway)

    def softened(self, sigma: float) -> Sprite:
        """Return the sprite as seen through optics with a Gaussian blur of ``sigma`` pixels."""
        return replace(self, heat=cv2.GaussianBlur(self.heat, (5, 5), sigma),
                       opacity=cv2.GaussianBlur(self.opacity, (5, 5), sigma))

    def position(self, t_s: float) -> tuple[float, float]:
        """Return the middle of the sprite in canvas pixels (x, y)."""
        height, width = self.opacity.shape
        reach = np.array([self.span[0] + 2 * width, self.span[1] + 2 * height])
        travelled = np.array(self.start) + (width, height) + np.array(self.velocity) * t_s
        x, y = np.mod(travelled, reach) - (width, height)
        return x, y + self.sway * np.sin(5 * t_s + self.start[0])

    def draw(self, frame: np.ndarray, view: np.ndarray, t_s: float) -> None:
        """Composite the sprite onto a frame through ``view``, the affine map canvas → frame."""
        height, width = self.opacity.shape
        x, y = view[:, :2] @ self.position(t_s) + view[:, 2]
        left, top = int(np.floor(x - width / 2)), int(np.floor(y - height / 2))
        x0, x1 = max(left, 0), min(left + width + 1, frame.shape[1])
        y0, y1 = max(top, 0), min(top + height + 1, frame.shape[0])
        if x0 >= x1 or y0 >= y1:
            return
        shift = np.array([[1, 0, x - width / 2 - x0], [0, 1, y - height / 2 - y0]])
        size = (x1 - x0, y1 - y0)
        heat = cv2.warpAffine(self.heat, shift, size, flags=cv2.INTER_LINEAR)
        opacity = cv2.warpAffine(self.opacity, shift, size, flags=cv2.INTER_LINEAR)
        below = frame[y0:y1, x0:x1]
        below *= 1 - opacity
        below += heat


def paint_person(canvas: Canvas, foot: Points, height: float, warmth: float,
                 ambient: float) -> None:
    """Paint a standing or walking person: ``warmth`` °C of skin, clothes nearer to ambient."""
    x, y = foot
    rng, h = canvas.rng, height
    coat = ambient + rng.uniform(0.3, 0.75) * (warmth - ambient)
    legs = coat - rng.uniform(0, 3)
    hip, shoulder = y - 0.5 * h, y - 0.8 * h
    stride, swing = rng.uniform(0.02, 0.13, 2) * h
    for side in (-1, 1):
        knee = (x + 0.75 * side * stride + 0.02 * h, y - 0.26 * h)
        canvas.strokes([[(x + 0.04 * side * h, hip), knee]], legs, 0.1 * h, texture=0.4)
        canvas.strokes([[knee, (x + side * stride, y - 0.03 * h)]], legs - 1, 0.075 * h)
        canvas.ellipse((x + side * stride + 0.02 * h, y - 0.02 * h), (0.05 * h, 0.022 * h),
                       0.5 * (legs + ambient))
        elbow = (x + side * (0.12 * h + 0.3 * swing), y - 0.62 * h)
        hand = (x + side * (0.09 * h + swing), y - 0.46 * h)
        canvas.strokes([[(x + 0.1 * side * h, shoulder), elbow, hand]], coat - 0.5, 0.065 * h,
                       texture=0.4)
        canvas.ellipse(hand, (0.026 * h, 0.034 * h), warmth - 3)
    torso = np.array([(-0.05, -0.85), (0.05, -0.85), (0.12, -0.81), (0.125, -0.7), (0.095, -0.58),
                      (0.1, -0.47), (-0.1, -0.47), (-0.095, -0.58), (-0.125, -0.7),
                      (-0.12, -0.81)])
    canvas.fill(torso * h + foot, coat, texture=0.6, lift=1.5)
    canvas.strokes([[(x, y - 0.86 * h), (x, y - 0.83 * h)]], warmth, 0.06 * h)
    canvas.ellipse((x, y - 0.92 * h), (0.05 * h, 0.07 * h), warmth, texture=0.3)
    canvas.ellipse((x - 0.005 * h, y - 0.965 * h), (0.045 * h, 0.035 * h), coat + 1, texture=0.5)
    canvas.glow((x, y - 0.7 * h), 0.1 * h, 1.5)


def person(canvas: Canvas, foot: Points, height: float, velocity: Points, warmth: float,
           ambient: float) -> Sprite:
    """Cut out a person ``height`` pixels tall with the foot at (x, y)."""
    size = max(8, int(1.15 * height))
    piece = Canvas(canvas.rng, size, size, 0.5 * (warmth + ambient))
    paint_person(piece, (size / 2, size - 2), height, warmth, ambient)
    return Sprite.cut_out(piece, canvas, (foot[0], foot[1] - size / 2 + 2), velocity,
                          sway=0.012 * height)


def paint_car(canvas: Canvas, middle: Points, length: float, ambient: float,
              side: bool = True) -> None:
    """Paint a car seen from the side, or from ahead with ``side`` false; middle on the road."""
    x, y = middle
    rng = canvas.rng
    body = ambient + rng.uniform(-3, 5)
    glass = ambient - rng.uniform(2, 8)
    warm = ambient + rng.uniform(8, 30)
    u = length if side else 1.9 * length
    high = 0.32 * u
    if side:
        canvas.fill([(x - 0.3 * u, y - 0.18 * u), (x - 0.18 * u, y - high),
                     (x + 0.12 * u, y - high), (x + 0.27 * u, y - 0.18 * u)], body, lift=1)
        canvas.fill([(x - 0.26 * u, y - 0.19 * u), (x - 0.17 * u, y - 0.3 * u),
                     (x - 0.03 * u, y - 0.3 * u), (x - 0.03 * u, y - 0.19 * u)], glass)
        canvas.fill([(x, y - 0.19 * u), (x, y - 0.3 * u), (x + 0.11 * u, y - 0.3 * u),
                     (x + 0.22 * u, y - 0.19 * u)], glass)
        canvas.fill([(x - 0.48 * u, y - 0.06 * u), (x - 0.47 * u, y - 0.17 * u),
                     (x - 0.3 * u, y - 0.19 * u), (x + 0.27 * u, y - 0.19 * u),
                     (x + 0.47 * u, y - 0.15 * u), (x + 0.48 * u, y - 0.06 * u)], body, lift=-1)
        canvas.glow((x + 0.37 * u, y - 0.15 * u), 0.07 * u, 0.4 * (warm - ambient))
        wheels, seam = (x - 0.3 * u, x + 0.3 * u), [(x - 0.02 * u, y - 0.18 * u),
                                                    (x - 0.02 * u, y - 0.07 * u)]
        canvas.strokes([seam], body - 1.5, 1)
    else:
        w = 0.5 * length
        canvas.fill([(x - 0.8 * w, y - 0.55 * high), (x - 0.62 * w, y - high),
                     (x + 0.62 * w, y - high), (x + 0.8 * w, y - 0.55 * high)], body)
        canvas.fill([(x - 0.7 * w, y - 0.56 * high), (x - 0.55 * w, y - 0.93 * high),
                     (x + 0.55 * w, y - 0.93 * high), (x + 0.7 * w, y - 0.56 * high)], glass)
        canvas.rectangle(x - w, y - 0.57 * high, x + w, y - 0.12 * high, body, lift=-2)
        canvas.rectangle(x - 0.5 * w, y - 0.4 * high, x + 0.5 * w, y - 0.2 * high, warm)
        wheels = (x - 0.85 * w, x + 0.85 * w)
    for wheel in wheels:
        canvas.ellipse((wheel, y - 0.07 * u), (0.085 * u if side else 0.1 * length, 0.085 * u),
                       0.2 * warm + 0.8 * ambient)
        canvas.ellipse((wheel, y - 0.07 * u), (0.035 * u,) * 2, 0.5 * (warm + ambient))


def car(canvas: Canvas, middle: Points, length: float, velocity: Points,
        ambient: float) -> Sprite:
    """Cut out a car seen from the side; it heads to where ``velocity`` points."""
    piece = Canvas(canvas.rng, max(8, int(0.5 * length)), max(10, int(1.1 * length)), ambient)
    paint_car(piece, (piece.width / 2, 0.92 * piece.height), length, ambient)
    if velocity[0] < 0:
        piece.temperature = np.ascontiguousarray(piece.temperature[:, ::-1])
        piece.coverage = np.ascontiguousarray(piece.coverage[:, ::-1])
    return Sprite.cut_out(piece, canvas, (middle[0], middle[1] - 0.4 * piece.height), velocity)


def flyer(canvas: Canvas, start: Points, span: float, velocity: Points,
          warmth: float) -> Sprite:
    """Cut out a drone or bird ``span`` pixels across."""
    size = max(8, int(1.5 * span))
    piece = Canvas(canvas.rng, size, size, warmth - 2)
    middle = size / 2
    if canvas.rng.random() < 0.5:
        piece.strokes([[(middle - span / 2, middle - span / 8), (middle, middle)],
                       [(middle, middle), (middle + span / 2, middle - span / 6)]], warmth - 2,
                      max(1, span / 9))
    else:
        arm = 0.4 * span
        piece.strokes([[(middle - arm, middle - 0.1 * span), (middle, middle),
                        (middle + arm, middle - 0.1 * span)]], warmth - 4, max(1, span / 12))
        for side in (-arm, arm):
            piece.ellipse((middle + side, middle - 0.14 * span), (span / 10, span / 14), warmth)
    piece.ellipse((middle, middle), (span / 6, span / 8), warmth)
    return Sprite.cut_out(piece, canvas, start, velocity, sway=0.2 * span)


def walker_from_above(canvas: Canvas, start: Points, size: float, velocity: Points,
                      warmth: float) -> Sprite:
    """Cut out a person seen from a drone: a few warm pixels with a head and shoulders."""
    side = max(6, int(3 * size))
    piece = Canvas(canvas.rng, side, side, warmth - 5)
    piece.ellipse((side / 2, side / 2), (size, 0.5 * size), warmth - 5, canvas.rng.uniform(0, 180))
    piece.ellipse((side / 2, side / 2), (0.4 * size, 0.4 * size), warmth)
    return Sprite.cut_out(piece, canvas, start, velocity)


def paint_car_from_above(canvas: Canvas, middle: Points, length: float, angle_deg: float,
                         ambient: float) -> None:
    """Paint a car seen from a drone: roof, cooler glass, a warm bonnet."""
    rng = canvas.rng
    roof = ambient + rng.uniform(-5, 6)

    def part(x0: float, x1: float, half_width: float, temperature_c: float | np.ndarray) -> None:
        corners = np.array([(x0, -half_width), (x1, -half_width), (x1, half_width),
                            (x0, half_width)]) * length
        canvas.fill(rotated(corners, angle_deg) + middle, temperature_c, texture=0.3)

    part(-0.5, 0.5, 0.21, roof)
    part(0.22, 0.5, 0.19, roof + rng.choice([0.5, 10]))
    part(0.1, 0.22, 0.18, ambient - 5)
    part(-0.4, -0.3, 0.17, ambient - 5)


def car_from_above(canvas: Canvas, start: Points, length: float, velocity: Points,
                   ambient: float) -> Sprite:
    """Cut out a car seen from a drone that drives along its ``velocity``."""
    side = max(8, int(1.3 * length))
    piece = Canvas(canvas.rng, side, side, ambient)
    angle_deg = np.degrees(np.arctan2(velocity[1], velocity[0]))
    paint_car_from_above(piece, (side / 2, side / 2), length, angle_deg, ambient)
    return Sprite.cut_out(piece, canvas, start, velocity)
