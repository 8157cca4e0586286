"""Procedural thermal scenes that move: what a thermal camera on a robot might look at."""

import cv2
from fliqe_ros.simulation.scenes.aerial import aerial
from fliqe_ros.simulation.scenes.canvas import Canvas
from fliqe_ros.simulation.scenes.outdoors import facade, forest, horizon, road
from fliqe_ros.simulation.scenes.plant_room import plant_room
import numpy as np

#: The kinds of places a scene can show.
FAMILIES = {place.__name__: place for place in (road, horizon, facade, forest, plant_room, aerial)}
#: Radiometric scale of the simulated 14-bit sensor, as of common uncooled cores.
COUNTS_PER_K = 40
COUNTS_AT_0_C = 4000
MAX_COUNT = (1 << 14) - 1


class ThermalScene:
    """
    One random place with its own objects, camera motion, optics and sensor pattern.

    The same seed and size give the same scene; ``render`` depends on nothing but the time.
    """

    def __init__(self, seed: int, height: int = 512, width: int = 640):
        """
        Paint the scene, which takes some 0.2 s at 640×512.

        :param seed: non-negative integer.
        :param height, width: frame size in pixels, at least 64.
        :raises ValueError: if the frame is smaller than 64×64.
        """
        if min(height, width) < 64:
            raise ValueError(f'a scene needs at least 64x64 pixels, not {width}x{height}')
        rng = np.random.default_rng(seed)
        self.height, self.width = height, width
        self._margin = max(12, width // 10)
        self.family = list(FAMILIES)[rng.integers(len(FAMILIES))]
        canvas = Canvas(rng, height + 2 * self._margin, width + 2 * self._margin)
        sprites = FAMILIES[self.family](canvas)
        optics_sigma = rng.uniform(0.3, 0.6)
        self._backdrop = _optics(canvas.temperature, optics_sigma)
        self._sprites = [sprite.softened(optics_sigma) for sprite in sprites]
        self._periods_s = rng.uniform(14, 40, 4)
        self._phases = rng.uniform(0, 2 * np.pi, 4)
        self._columns_k = rng.normal(0, 0.012, width).astype(np.float32)

    def render(self, t_s: float) -> np.ndarray:
        """
        Return the apparent temperature at a time, free of sensor noise.

        :param t_s: seconds, any float; motion is smooth and never ends.
        :return: float32 (height, width) in °C.
        """
        view = self._view(t_s)
        frame = cv2.warpAffine(self._backdrop, view, (self.width, self.height),
                               flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)
        for sprite in self._sprites:
            sprite.draw(frame, view, t_s)
        return frame

    def sensor_counts(self, temperature_c: np.ndarray, rng: np.random.Generator,
                      netd_k: float = 0.05) -> np.ndarray:
        """
        Read the scene out as an uncooled sensor does: noise, column pattern, 14-bit counts.

        :param temperature_c: float (height, width) in °C, as ``render`` gives it.
        :param rng: numpy Generator of the temporal noise.
        :param netd_k: noise-equivalent temperature difference, K.
        :return: uint16 (height, width) in 0..16383, 40 counts per K.
        """
        noise = rng.standard_normal(temperature_c.shape, dtype=np.float32)
        noise *= netd_k
        noise += temperature_c
        noise += self._columns_k
        counts = COUNTS_AT_0_C + COUNTS_PER_K * noise
        return np.clip(counts, 0, MAX_COUNT, out=counts).astype(np.uint16)

    def _view(self, t_s: float) -> np.ndarray:
        """Return the affine map from canvas to frame: a slow pan, a little roll and zoom."""
        pan_x, pan_y, roll, zoom = np.sin(2 * np.pi * t_s / self._periods_s + self._phases)
        matrix = cv2.getRotationMatrix2D((self.width / 2, self.height / 2), 0.6 * roll,
                                         1.0 + 0.015 * zoom)
        shift = np.array([0.7 * pan_x - 1, 0.5 * pan_y - 1]) * self._margin
        matrix[:, 2] += matrix[:, :2] @ shift
        return matrix


def _optics(image: np.ndarray, sigma: float) -> np.ndarray:
    return cv2.GaussianBlur(image, (5, 5), sigma)
