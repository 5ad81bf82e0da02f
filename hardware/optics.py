"""The optics sheet: what follows from sensor, lens and light, as the tables of optics.md.

    python hardware/optics.py

Formulas: thin lens (image distance f(1 + m)); working f-number N(1 + m); radius of the Airy disc 1.22 λN (Born & Wolf,
Principles of Optics, 8.5); blur of a point off the plane of focus by similar triangles; a plane plate moves the focus
by t(1 − 1/n); a flat LED gives Φ/π · cos²/d² (Lambert, inverse square); exposure N² / t = L S / K with K = 12.5 cd s/m²
(ISO 2720); blue light against the exempt group's 100 W/m²/sr over 0.1 rad (IEC 62471, 4.3.3).
"""

from __future__ import annotations

import math
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

METER_CONSTANT = 12.5
BLUE_CONE_SR = math.pi / 4 * 0.1**2
BLUE_LIMIT_W_M2_SR = 100.0

Kind = Literal["white", "polarised"]


@dataclass(frozen=True)
class Optics:
    """Lengths in the unit of their names, on the skin unless they say otherwise."""

    pixels: tuple[int, int]
    pixel_um: float
    um_per_px: float
    focal_mm: float
    lens_longest_mm: float
    mount_to_sensor_mm: float
    plate_shift_mm: float
    wavelength_um: float

    @property
    def magnification(self) -> float:
        return self.pixel_um / self.um_per_px

    @property
    def field_mm(self) -> tuple[float, float]:
        return self.pixels[0] * self.um_per_px / 1000, self.pixels[1] * self.um_per_px / 1000

    @property
    def corner_mm(self) -> float:
        """From the middle of the field."""
        return math.hypot(*self.field_mm) / 2

    @property
    def skin_to_lens_mm(self) -> float:
        """To the front principal plane, in air."""
        return self.focal_mm * (1 + 1 / self.magnification)

    @property
    def lens_to_sensor_mm(self) -> float:
        return self.focal_mm * (1 + self.magnification)

    @property
    def skin_to_sensor_mm(self) -> float:
        """With the plate, and with principal planes that coincide."""
        return self.skin_to_lens_mm + self.plate_shift_mm + self.lens_to_sensor_mm

    @property
    def extension_mm(self) -> float:
        """Rings behind the lens, which focuses infinity without any."""
        return self.focal_mm * self.magnification

    @property
    def room_mm(self) -> float:
        """Between the longest lens and the skin: for plate and light."""
        return self.skin_to_sensor_mm - self.mount_to_sensor_mm - self.extension_mm - self.lens_longest_mm

    def working_f_number(self, f_number: float) -> float:
        return f_number * (1 + self.magnification)

    def airy_radius_um(self, f_number: float) -> float:
        return 1.22 * self.wavelength_um * self.working_f_number(f_number) / self.magnification

    def pupil_mm(self, f_number: float) -> float:
        return self.focal_mm / f_number

    def blur_um(self, f_number: float, depth_um: float) -> float:
        """Diameter of the blur of a point so far above or below the plane of focus."""
        return depth_um * self.pupil_mm(f_number) / self.skin_to_lens_mm

    def depth_um(self, f_number: float, blur_um: float) -> float:
        """To either side of the plane of focus."""
        return blur_um * self.skin_to_lens_mm / self.pupil_mm(f_number)

    def sigma_um(self, f_number: float, depth_um: float) -> float:
        """Both together as the sigma of a Gaussian: Airy disc 0.42 λN, uniform disc diameter / 4, pixel 1 / √12."""
        airy = 0.42 * self.wavelength_um * self.working_f_number(f_number) / self.magnification
        return math.hypot(airy, self.blur_um(f_number, depth_um) / 4, self.um_per_px / math.sqrt(12))


@dataclass(frozen=True)
class Ring:
    """The LEDs of one kind."""

    leds: int
    lumen: float
    """Of one LED."""
    radius_mm: float
    height_mm: float
    films: int
    film_pass: float

    def illuminance_lx(self, x_mm: float = 0.0, y_mm: float = 0.0) -> float:
        """On the skin at a place from the middle of the field, behind the film of the LEDs if there is one."""
        total = 0.0
        for n in range(self.leds):
            angle = 2 * math.pi * (n + 0.5) / self.leds
            away = math.hypot(self.radius_mm * math.cos(angle) - x_mm, self.radius_mm * math.sin(angle) - y_mm)
            total += self.height_mm**2 / (self.height_mm**2 + away**2) ** 2
        return 1e6 * self.lumen / math.pi * total * self.film_pass ** (self.films - 1)

    def mirrored_mm(self, skin_to_lens_mm: float, pupil_mm: float, led_mm: float) -> float:
        """From the axis to the nearest point of the plate that mirrors an LED into the lens."""
        share = self.height_mm / (self.height_mm + skin_to_lens_mm)
        led = self.radius_mm - led_mm / 2
        return led - (led + pupil_mm / 2) * share


def read(path: Path | None = None) -> tuple[Optics, dict[str, Any]]:
    parts = tomllib.loads((path or Path(__file__).with_suffix(".toml")).read_text("utf-8"))
    sensor, lens, plate = parts["sensor"], parts["lens"], parts["plate"]
    optics = Optics(
        pixels=tuple(sensor["pixels"]),
        pixel_um=sensor["pixel_um"],
        um_per_px=parts["field"]["um_per_px"],
        focal_mm=lens["focal_mm"],
        lens_longest_mm=lens["longest_mm"],
        mount_to_sensor_mm=lens["mount_to_sensor_mm"],
        plate_shift_mm=plate["thickness_mm"] * (1 - 1 / plate["index"]),
        wavelength_um=parts["light"]["wavelength_um"],
    )
    return optics, parts


def ring(parts: dict[str, Any], kind: Kind) -> Ring:
    light, own = parts["light"], parts["light"][kind]
    return Ring(
        leds=light["leds"],
        lumen=light["lm_at_65_ma"] * own["current_ma"] / 65,
        radius_mm=own["radius_mm"],
        height_mm=light["led_height_mm"],
        films=own["films"],
        film_pass=light["film_pass"],
    )


def exposure_ms(optics: Optics, parts: dict[str, Any], kind: Kind, f_number: float, reflectance: float) -> float:
    """At analogue gain 1, for skin in the middle of the range."""
    light = ring(parts, kind)
    luminance = light.illuminance_lx() * reflectance / math.pi * light.film_pass  # behind the film before the lens
    iso = parts["exposure"]["sensitivity_iso"]
    return float(1e3 * METER_CONSTANT * optics.working_f_number(f_number) ** 2 / (luminance * iso))


def irradiance_mw_cm2(parts: dict[str, Any], kind: Kind) -> float:
    """On the skin in the middle of the field."""
    return float(ring(parts, kind).illuminance_lx() / parts["light"]["lm_per_w"] / 10)


def evenness(optics: Optics, light: Ring) -> float:
    """Light in the corner of the field as a share of that in its middle."""
    x, y = (side / 2 for side in optics.field_mm)
    return light.illuminance_lx(x, y) / light.illuminance_lx()


def blue_w_m2_sr(parts: dict[str, Any], kind: Kind) -> float:
    """Seen by an eye that looks straight into the LEDs, without the films."""
    light = ring(parts, kind)
    lux = light.leds * light.lumen / math.pi / (parts["check"]["look_mm"] / 1e3) ** 2
    return float(lux * parts["light"]["blue_w_per_lm"] / BLUE_CONE_SR)


def tables(optics: Optics, parts: dict[str, Any]) -> Iterator[str]:
    check, lens = parts["check"], parts["lens"]
    chosen = lens["chosen_f_number"]
    width, height = optics.field_mm
    yield "| field and lens | |"
    yield "|---|---|"
    yield f"| Field on the skin | {width:.1f} × {height:.1f} mm = {width * height / 100:.2f} cm² |"
    yield f"| Scale | {optics.um_per_px} µm per pixel; a hair of {check['thin_hair_um']:.0f} µm is " \
          f"{check['thin_hair_um'] / optics.um_per_px:.1f} pixels wide |"  # fmt: skip
    yield f"| Magnification on the sensor | {optics.magnification:.3f} |"
    yield f"| Skin to the lens (front principal plane) | {optics.skin_to_lens_mm:.1f} mm |"
    yield f"| Lens (rear principal plane) to sensor | {optics.lens_to_sensor_mm:.1f} mm |"
    yield f"| Skin to sensor, {optics.plate_shift_mm:.1f} mm of it by the plate | {optics.skin_to_sensor_mm:.1f} mm |"
    yield f"| Extension behind the {optics.focal_mm:.0f} mm lens | {optics.extension_mm:.1f} mm |"
    yield f"| Room between a lens {optics.lens_longest_mm:.0f} mm long and the skin | {optics.room_mm:.1f} mm |"
    yield f"| Scale changes with height by | {100 / optics.skin_to_lens_mm:.1f} % a millimetre |"
    yield f"| Nyquist limit of the pixels | {500 / optics.um_per_px:.0f} line pairs/mm |"
    yield ""
    depth = check["depth_um"]
    yield (
        f"| f-number | working | Airy radius µm | blur ±{depth:.0f} µm off focus, µm | sigma in focus µm "
        f"| sigma ±{depth:.0f} µm | depth of field, blur {check['sharp_px']:.0f} px, µm | cut-off lp/mm |"
    )
    yield "|---|---|---|---|---|---|---|---|"
    for n in lens["f_numbers"]:
        cut_off = 1000 * optics.magnification / (optics.wavelength_um * optics.working_f_number(n))
        figures = (
            f"{optics.working_f_number(n):.1f}", f"{optics.airy_radius_um(n):.1f}", f"{optics.blur_um(n, depth):.0f}",
            f"{optics.sigma_um(n, 0):.1f}", f"{optics.sigma_um(n, depth):.1f}",
            f"±{optics.depth_um(n, check['sharp_px'] * optics.um_per_px):.0f}", f"{cut_off:.0f}",
        )  # fmt: skip
        name = f"**f/{n:g}**" if n == chosen else f"f/{n:g}"
        yield f"| {name} | {' | '.join(figures)} |"
    yield ""
    yield "| light | white | polarised |"
    yield "|---|---|---|"
    kinds: tuple[Kind, Kind] = ("white", "polarised")
    rings = [ring(parts, kind) for kind in kinds]
    led_mm, pupil_mm = parts["light"]["led_side_mm"], optics.pupil_mm(chosen)
    fair, dark = (parts["exposure"]["skin_reflectance"][skin] for skin in ("fair", "dark"))
    rows: tuple[tuple[str, list[str]], ...] = (
        ("LEDs", [f"{r.leds} of {r.lumen:.1f} lm, {parts['light'][k]['current_ma']:.0f} mA"
                  for k, r in zip(kinds, rings, strict=True)]),
        ("Illuminance on the skin", [f"{r.illuminance_lx():.0f} lx" for r in rings]),
        ("Irradiance, estimated", [f"{irradiance_mw_cm2(parts, k):.1f} mW/cm²" for k in kinds]),
        ("Corner against middle", [f"{evenness(optics, r):.2f}" for r in rings]),
        ("LEDs mirrored by the plate, from the axis (corner of the field: "
         f"{optics.corner_mm:.1f} mm)", [f"{r.mirrored_mm(optics.skin_to_lens_mm, pupil_mm, led_mm):.1f} mm"
                                          for r in rings]),
        (f"Exposure at f/{chosen:g}, gain 1: fair / dark skin",
         [f"{exposure_ms(optics, parts, k, chosen, fair):.0f} / {exposure_ms(optics, parts, k, chosen, dark):.0f} ms"
          for k in kinds]),
        (f"Blue light into an eye at {check['look_mm']:.0f} mm, of {BLUE_LIMIT_W_M2_SR:.0f} W/m²/sr allowed",
         [f"{blue_w_m2_sr(parts, k):.0f}" for k in kinds]),
    )  # fmt: skip
    for name, cells in rows:
        yield f"| {name} | {' | '.join(cells)} |"


if __name__ == "__main__":
    sys.stdout.writelines(f"{line}\n" for line in tables(*read()))
