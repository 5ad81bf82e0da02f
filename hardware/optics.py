"""The optics sheet: what follows from sensor, lens and light, as a table in Markdown.

    python hardware/optics.py

Formulas: thin lens (image distance f(1 + m)); working f-number N(1 + m); radius of the Airy disc 1.22 λN (Born & Wolf,
Principles of Optics, 8.5); geometric blur of a point off the plane of focus, its diameter on the object depth / (N f) ×
f m / (1 + m); exposure N² / t = L S / K with K = 12.5 cd s/m² (ISO 2720).
"""

from __future__ import annotations

import math
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

METER_CONSTANT = 12.5


@dataclass(frozen=True)
class Optics:
    """Lengths in the unit of their names, on the skin unless they say otherwise."""

    pixels: tuple[int, int]
    pixel_um: float
    um_per_px: float
    focal_mm: float
    mount_to_sensor_mm: float
    wavelength_um: float

    @property
    def magnification(self) -> float:
        return self.pixel_um / self.um_per_px

    @property
    def field_mm(self) -> tuple[float, float]:
        return self.pixels[0] * self.um_per_px / 1000, self.pixels[1] * self.um_per_px / 1000

    @property
    def skin_to_lens_mm(self) -> float:
        """To the front principal plane."""
        return self.focal_mm * (1 + 1 / self.magnification)

    @property
    def lens_to_sensor_mm(self) -> float:
        return self.focal_mm * (1 + self.magnification)

    @property
    def extension_mm(self) -> float:
        """Rings behind the lens, which focuses infinity without any."""
        return self.focal_mm * self.magnification

    def working_f_number(self, f_number: float) -> float:
        return f_number * (1 + self.magnification)

    def airy_radius_um(self, f_number: float) -> float:
        return 1.22 * self.wavelength_um * self.working_f_number(f_number) / self.magnification

    def blur_um(self, f_number: float, depth_um: float) -> float:
        """Diameter of the blur of a point so far above or below the plane of focus."""
        aperture_mm = self.focal_mm / f_number
        return depth_um * aperture_mm / self.skin_to_lens_mm

    def sigma_um(self, f_number: float, depth_um: float) -> float:
        """Both together as the sigma of a Gaussian: Airy disc 0.42 λN, uniform disc diameter / 4, pixel 1 / √12."""
        airy = 0.42 * self.wavelength_um * self.working_f_number(f_number) / self.magnification
        return math.hypot(airy, self.blur_um(f_number, depth_um) / 4, self.um_per_px / math.sqrt(12))


def read(path: Path) -> tuple[Optics, dict[str, dict[str, float]]]:
    parts = tomllib.loads(path.read_text("utf-8"))
    sensor, lens = parts["sensor"], parts["lens"]
    optics = Optics(
        pixels=tuple(sensor["pixels"]),
        pixel_um=sensor["pixel_um"],
        um_per_px=parts["field"]["um_per_px"],
        focal_mm=lens["focal_mm"],
        mount_to_sensor_mm=lens["mount_to_sensor_mm"],
        wavelength_um=parts["light"]["wavelength_um"],
    )
    return optics, parts


def luminous_flux_lm(f_number: float, light: dict[str, float], optics: Optics, *, polarised: bool) -> float:
    """From all LEDs of a ring, for an exposure in the middle of the range."""
    n = optics.working_f_number(f_number)
    luminance = METER_CONSTANT * n**2 / (light["exposure_ms"] / 1000 * light["sensitivity_iso"])
    illuminance = math.pi * luminance / light["skin_reflectance"]
    area_m2 = math.pi / 4 * (light["lit_diameter_mm"] / 1000) ** 2
    # the second film passes half of what the skin has depolarised; the first one passes its share of the LED's light
    films = light["polariser_pass"] ** 2 if polarised else 1.0
    return illuminance * area_m2 / light["reaches_skin"] / films


def sheet(optics: Optics, parts: dict[str, dict[str, float]]) -> Iterator[str]:
    check, light, lens = parts["check"], parts["light"], parts["lens"]
    width, height = optics.field_mm
    yield "| what | figure |"
    yield "|---|---|"
    yield f"| Field on the skin | {width:.1f} × {height:.1f} mm = {width * height / 100:.2f} cm² |"
    yield f"| Scale | {optics.um_per_px} µm per pixel; a hair of {check['thin_hair_um']:.0f} µm is " \
          f"{check['thin_hair_um'] / optics.um_per_px:.1f} pixels wide |"  # fmt: skip
    yield f"| Magnification on the sensor | {optics.magnification:.3f} |"
    yield f"| Skin to the lens (front principal plane) | {optics.skin_to_lens_mm:.1f} mm |"
    yield f"| Lens (rear principal plane) to sensor | {optics.lens_to_sensor_mm:.1f} mm |"
    yield f"| Skin to sensor | {optics.skin_to_lens_mm + optics.lens_to_sensor_mm:.1f} mm |"
    yield f"| Extension behind the {optics.focal_mm:.0f} mm lens | {optics.extension_mm:.1f} mm |"
    yield f"| Scale changes with height by | {100 / optics.skin_to_lens_mm:.1f} % a millimetre: " \
          "hence the contact plate |"  # fmt: skip
    yield f"| Nyquist limit of the pixels | {500 / optics.um_per_px:.0f} line pairs/mm |"
    yield ""
    depth = check["depth_um"]
    yield (
        f"| f-number | working | Airy radius µm | blur ±{depth:.0f} µm off focus, µm "
        f"| sigma in focus µm | sigma ±{depth:.0f} µm | cut-off lp/mm | LEDs white lm | LEDs cross-polarised lm |"
    )
    yield "|---|---|---|---|---|---|---|---|---|"
    for n in lens["f_numbers"]:  # type: ignore[attr-defined]
        cut_off = 1000 * optics.magnification / (optics.wavelength_um * optics.working_f_number(n))
        figures = (
            f"{optics.working_f_number(n):.1f}", f"{optics.airy_radius_um(n):.1f}", f"{optics.blur_um(n, depth):.0f}",
            f"{optics.sigma_um(n, 0):.1f}", f"{optics.sigma_um(n, depth):.1f}", f"{cut_off:.0f}",
            f"{luminous_flux_lm(n, light, optics, polarised=False):.1f}",
            f"{luminous_flux_lm(n, light, optics, polarised=True):.0f}",
        )  # fmt: skip
        name = f"**f/{n:g}**" if n == lens["chosen_f_number"] else f"f/{n:g}"
        yield f"| {name} | {' | '.join(figures)} |"
    yield ""
    leds = light["leds_per_ring"]
    yield (
        f"{leds:.0f} LEDs of the white ring give {leds * light['white_led_lm']:.0f} lm, "
        f"{leds:.0f} of the polarised ring {leds * light['polarised_led_lm']:.0f} lm."
    )


if __name__ == "__main__":
    sys.stdout.writelines(f"{line}\n" for line in sheet(*read(Path(__file__).with_suffix(".toml"))))
