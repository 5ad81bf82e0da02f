"""Two pictures of the housing: the whole from outside, and cut open along the optical axis with all parts in it.

    python -m hardware.enclosure.views hardware/enclosure

Needs CadQuery (which brings VTK) and Pillow. A person looks at them after a change of dimensions.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import cadquery as cq
import numpy as np
import vtk
from PIL import Image, ImageDraw, ImageFont
from vtk.util.numpy_support import vtk_to_numpy

from . import fit, model

SIZE, SIZE_OUTSIDE = (1280, 960), (1440, 720)
FONT = Path(__file__).parents[2] / "firmware/trichoscope/instrument/screen/fonts/Inter-Text.ttf"
GROUND, INK = (0.96, 0.96, 0.94), (30, 30, 30)
SHELL = {
    "nose": (0.93, 0.93, 0.91),
    "holder": (0.85, 0.62, 0.25),
    "tube": (0.35, 0.40, 0.43),
    "cap": (0.35, 0.40, 0.43),
    "carriage": (0.85, 0.62, 0.25),
    "head": (0.86, 0.88, 0.88),
    "back": (0.25, 0.29, 0.32),
}
BOUGHT = {
    "board": (0.20, 0.50, 0.30),
    "battery": (0.25, 0.40, 0.70),
    "screen": (0.10, 0.10, 0.12),
    "lens": (0.20, 0.20, 0.20),
    "plate": (0.60, 0.78, 0.85),
    "LEDs": (0.95, 0.85, 0.45),
    "capture button": (0.75, 0.25, 0.20),
    "power button": (0.75, 0.25, 0.20),
    "camera board": (0.20, 0.50, 0.30),
    "ring board": (0.20, 0.50, 0.30),
    "power board": (0.20, 0.40, 0.50),
}
PLAIN = (0.60, 0.60, 0.62)
LABELS = (
    "plate",
    "LEDs",
    "film before the lens",
    "lens",
    "extension rings",
    "camera mount",
    "camera board",
    "capture button",
    "board",
    "board's cooler",
    "power board",
    "battery",
    "screen",
)


def mesh(solid: Any) -> Any:
    """Triangles of a CadQuery solid."""
    vertices, triangles = solid.val().tessellate(0.08, 0.2)
    points, cells = vtk.vtkPoints(), vtk.vtkCellArray()
    for vertex in vertices:
        points.InsertNextPoint(*vertex.toTuple())
    for triangle in triangles:
        cells.InsertNextCell(3, triangle)
    surface = vtk.vtkPolyData()
    surface.SetPoints(points)
    surface.SetPolys(cells)
    return surface


def show(renderer: Any, solid: Any, colour: tuple[float, float, float]) -> None:
    """The solid with its edges drawn."""
    surface = mesh(solid)
    clean = vtk.vtkCleanPolyData()
    clean.SetInputData(surface)
    normals = vtk.vtkPolyDataNormals()
    normals.SetInputConnection(clean.GetOutputPort())
    normals.SetFeatureAngle(25)
    edges = vtk.vtkFeatureEdges()
    edges.SetInputConnection(clean.GetOutputPort())
    edges.SetFeatureAngle(25)
    edges.ManifoldEdgesOff()
    edges.ColoringOff()
    for source, paint in ((normals, colour), (edges, tuple(0.45 * c for c in colour))):
        mapper = vtk.vtkPolyDataMapper()
        mapper.SetInputConnection(source.GetOutputPort())
        mapper.ScalarVisibilityOff()
        actor = vtk.vtkActor()
        actor.SetMapper(mapper)
        actor.GetProperty().SetColor(*paint)
        actor.GetProperty().SetAmbient(0.35)
        actor.GetProperty().SetDiffuse(0.65)
        if source is edges:
            actor.GetProperty().SetLineWidth(1.4)
            mapper.SetResolveCoincidentTopologyToPolygonOffset()
        renderer.AddActor(actor)


def scene() -> tuple[Any, Any]:
    renderer, window = vtk.vtkRenderer(), vtk.vtkRenderWindow()
    renderer.SetBackground(*GROUND)
    window.SetOffScreenRendering(1)
    window.SetMultiSamples(8)
    window.SetSize(*SIZE)
    window.AddRenderer(renderer)
    return renderer, window


def look(renderer: Any, window: Any, towards: tuple[float, float, float], height_mm: float) -> Image.Image:
    """A picture without perspective. x and y as in the drawing, z from the skin to the operator."""
    camera = renderer.GetActiveCamera()
    low_x, high_x, low_y, high_y, low_z, high_z = renderer.ComputeVisiblePropBounds()
    middle = ((low_x + high_x) / 2, (low_y + high_y) / 2, (low_z + high_z) / 2)
    camera.SetFocalPoint(*middle)
    camera.SetPosition(*(m - 1000 * t for m, t in zip(middle, towards, strict=True)))
    camera.SetViewUp(0, 1, 0)
    camera.ParallelProjectionOn()
    camera.SetParallelScale(height_mm / 2)
    renderer.ResetCameraClippingRange()
    window.Render()
    grab = vtk.vtkWindowToImageFilter()
    grab.SetInput(window)
    grab.ReadFrontBufferOff()
    grab.Update()
    image = grab.GetOutput()
    wide, tall, _ = image.GetDimensions()
    pixels = vtk_to_numpy(image.GetPointData().GetScalars()).reshape(tall, wide, -1)[::-1, :, :3]
    return Image.fromarray(np.ascontiguousarray(pixels))


def at(renderer: Any, point: tuple[float, float, float]) -> tuple[float, float]:
    """Where a point of the scene is in the picture."""
    coordinate = vtk.vtkCoordinate()
    coordinate.SetCoordinateSystemToWorld()
    coordinate.SetValue(*point)
    x, y = coordinate.GetComputedDoubleDisplayValue(renderer)
    return x, SIZE[1] - y


def outside(d: fit.Dimensions) -> Image.Image:
    """From the patient's side and from the operator's, side by side."""
    halves = []
    for towards in ((0.65, -0.38, 0.75), (-0.60, -0.38, -0.80)):
        renderer, window = scene()
        for name, solid in model.solids(d).items():
            show(renderer, solid, SHELL[name])
        for part in fit.parts(d):
            if part.name in ("plate", "LEDs", "screen"):
                show(renderer, model.component(part), BOUGHT[part.name])
        for button in buttons(d):
            show(renderer, button, BOUGHT["capture button"])
        picture = look(renderer, window, towards, 225)
        margin = (SIZE[0] - SIZE[1]) // 2
        halves.append(picture.crop((margin, 0, SIZE[0] - margin, SIZE[1])))
    both = Image.new("RGB", (halves[0].width * 2, SIZE[1]))
    for i, half in enumerate(halves):
        both.paste(half, (i * half.width, 0))
    return both.resize(SIZE_OUTSIDE, Image.Resampling.LANCZOS)


def buttons(d: fit.Dimensions) -> list[Any]:
    """What a finger meets: caps that stand out of the pod and of the top by 2 mm."""
    low, high = fit.pod_inside(d)
    _, top = fit.head_inside(d)
    cap, wall = d["tube"]["button_hole"] / 2 - 0.6, d["print"]["wall"]
    x, z = d["head"]["power_button"]
    return [
        cq.Workplane(cq.Solid.makeCylinder(cap, 4, cq.Vector(*start), cq.Vector(*way)))
        for start, way in (
            ((0, (low[1] + high[1]) / 2, low[2] - wall - 2), (0, 0, 1)),
            ((x, top[1] + wall - 2, z), (0, 1, 0)),
        )
    ]


def inside(d: fit.Dimensions) -> Image.Image:
    """Cut in the plane x = 0, seen from the right."""
    renderer, window = scene()
    left = cq.Workplane("XY").box(400, 400, 400).translate((-200, 0, 100))
    for name, solid in model.solids(d).items():
        show(renderer, solid.intersect(left), SHELL[name])
    places = {}
    for part in fit.parts(d):
        solid = model.component(part).intersect(left)
        if solid.vals() and solid.val().Volume() > 0:
            show(renderer, solid, BOUGHT.get(part.name, PLAIN))
            above = part.room in ("head", "pod")
            y = part.high[1] - 4 if above else part.low[1] + 3
            places[part.name] = (above, (0.0, y, (part.low[2] + part.high[2]) / 2))
    picture = look(renderer, window, (-1.0, 0.0, 0.0), 225)
    draw, font = ImageDraw.Draw(picture), ImageFont.truetype(str(FONT), 20)
    for upper in (True, False):
        points = sorted((at(renderer, places[n][1]), n) for n in LABELS if n in places and places[n][0] == upper)
        for row, ((x, y), name) in enumerate(points):  # the farther to the left, the farther out: no line meets a word
            line = 14 + 24 * row if upper else SIZE[1] - 36 - 24 * row
            draw.line((x, y, x, line + (4 if upper else 22)), INK, 1)
            draw.ellipse((x - 4, y - 4, x + 4, y + 4), INK, (255, 255, 255))
            draw.text((x + 5, line), name, INK, font)
    return picture


def main(folder: Path) -> None:
    d = fit.read()
    for name, picture in (("outside", outside(d)), ("inside", inside(d))):
        picture.quantize(96, dither=Image.Dither.NONE).save(folder / f"{name}.png", optimize=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
