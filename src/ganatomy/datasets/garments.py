"""How each of the ten kinds of `atelier` is drawn from its factors. Lengths: the shorter side is 2, y points down.

A drawer takes a `Canvas` and the factors by name, each [B] in [0, 1], and paints B pictures. `between(u, low, high)`
turns a factor into a length, so the whole range of every shape stands where it is drawn.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from .canvas import Array, Canvas, Length, Point, both, cut, mirrored, union

Factors = Mapping[str, Array]
DARK = 0.4
"""Shade of seams, belts and soles, as a share of the cloth's."""


def between(u: Array, low: float, high: float) -> Array:
    """Return low for u = 0, high for u = 1."""
    return u * (high - low) + low


def cloth(canvas: Canvas, f: Factors) -> Array:
    """Return the shade of the cloth with its stripes, [B, H, W]."""
    return canvas.stripes(0.36, 0.6 * f["texture"]) * brightness(f)[:, None, None]


def brightness(f: Factors) -> Array:
    """Return the shade of the cloth without stripes, [B]."""
    return between(f["brightness"], 0.45, 1.0)


def box(canvas: Canvas, left: Length, top: Length, right: Length, bottom: Length) -> Array:
    """Return the distance to a rectangle."""
    return canvas.polygon(*[(x, y) for x, y in ((left, top), (right, top), (right, bottom), (left, bottom))])


def pair(canvas: Canvas, corners: list[Point]) -> Array:
    """Return the distance to a polygon and its mirror image."""
    return union(canvas.polygon(*corners), canvas.polygon(*mirrored(corners)))


def sleeve(half: Array, top: float, length: Array, direction: tuple[float, float], wide: float) -> list[Point]:
    """Return the corners of the right sleeve: from the shoulder along a unit vector, `wide` at the cuff."""
    dx, dy = direction
    x, y = half - 0.06, top + 0.03
    end_x, end_y = x + length * dx, y + length * dy
    return [(x, y), (end_x, end_y), (end_x - wide * dy, end_y + wide * dx), (x - 0.04, y + wide * 1.35)]


def t_shirt(canvas: Canvas, f: Factors) -> None:
    """Short sleeves that stand off, a round neck."""
    top, half, hem = -0.7, between(f["width"], 0.32, 0.46), between(f["length"], 0.3, 0.85)
    low = half * between(f["flare"], 0.9, 1.25)
    body = canvas.polygon((-half, top), (half, top), (low, hem), (-low, hem))
    arm = sleeve(half, top, between(f["sleeve"], 0.24, 0.52), (0.82, 0.5724), 0.3)
    neck = canvas.circle((0, top - 0.16 + between(f["neckline"], 0.0, 0.2)), 0.2)
    canvas.paint(cut(union(body, pair(canvas, arm)), neck), cloth(canvas, f))


def sweater(canvas: Canvas, f: Factors) -> None:
    """Long sleeves, a ribbed hem, dark cuffs and collar."""
    top, half, hem = -0.72, between(f["width"], 0.3, 0.44), between(f["length"], 0.25, 0.75)
    low = half * between(f["flare"], 0.85, 1.15)
    long, along, dark = between(f["sleeve"], 0.95, 1.45), (0.36, 0.933), brightness(f) * 0.5
    arm = sleeve(half, top, long, along, 0.22)
    body = canvas.polygon((-half, top), (half, top), (low, hem), (-low, hem))
    neck_y = top - 0.1 + between(f["neckline"], 0.0, 0.16)
    collar = both(canvas.circle((0, neck_y), 0.26), body.copy())
    band = both(box(canvas, -half * 2, hem - 0.14, half * 2, hem), body)
    canvas.paint(pair(canvas, arm), cloth(canvas, f) * 0.9)
    canvas.paint(body, cloth(canvas, f))
    canvas.paint(band, dark)
    canvas.paint(collar, dark)
    canvas.paint(canvas.circle((0, neck_y), 0.14), 0.0)
    (x1, y1), (x2, y2) = arm[1:3]
    back_x, back_y = 0.14 * along[0], 0.14 * along[1]
    canvas.paint(pair(canvas, [(x1 - back_x, y1 - back_y), (x1, y1), (x2, y2), (x2 - back_x, y2 - back_y)]), dark)


def coat(canvas: Canvas, f: Factors) -> None:
    """Long, with long sleeves, open lapels, a front seam and buttons."""
    top, half, hem = -0.88, between(f["width"], 0.28, 0.4), between(f["length"], 0.5, 0.92)
    low = half * between(f["flare"], 1.0, 1.45)
    arms = pair(canvas, sleeve(half, top, between(f["sleeve"], 1.0, 1.45), (0.36, 0.933), 0.22))
    body = canvas.polygon((-half, top), (half, top), (low, hem), (-low, hem))
    canvas.paint(arms, cloth(canvas, f) * 0.8)
    canvas.paint(body, cloth(canvas, f))
    deep = top + between(f["neckline"], 0.3, 0.75)
    canvas.paint(canvas.polygon((-0.26, top - 0.02), (0.26, top - 0.02), (0, deep)), 0.0)
    canvas.paint(box(canvas, -0.035, deep - 0.05, 0.035, hem), 0.08)
    for share in (0.15, 0.45, 0.75):
        button = canvas.circle((0.14, deep + share * (0.45 - deep) + 0.02), 0.055)
        canvas.paint(button, 0.1)


def dress(canvas: Canvas, f: Factors) -> None:
    """Narrow at the waist, a skirt that widens, small sleeves."""
    top, waist_y, hem = -0.9, -0.2, between(f["length"], 0.35, 0.92)
    half = between(f["width"], 0.22, 0.32)
    waist = half * 0.72
    low = waist + between(f["flare"], 0.12, 0.5)
    bodice = canvas.polygon((-half, top), (half, top), (waist, waist_y), (-waist, waist_y))
    skirt = canvas.polygon((-waist, waist_y - 0.04), (waist, waist_y - 0.04), (low, hem), (-low, hem))
    arms = pair(canvas, sleeve(half, top, between(f["sleeve"], 0.02, 0.34), (0.72, 0.694), 0.16))
    neck = canvas.circle((0, top - 0.14 + between(f["neckline"], 0.0, 0.24)), 0.14)
    canvas.paint(cut(union(bodice, skirt, arms), neck), cloth(canvas, f))
    canvas.paint(box(canvas, -waist - 0.02, waist_y - 0.09, waist + 0.02, waist_y + 0.03), brightness(f) * DARK)


def skirt(canvas: Canvas, f: Factors) -> None:
    """A dark waistband and a widening cloth with two pleats."""
    top, waist, hem = -0.55, between(f["width"], 0.22, 0.38), between(f["length"], 0.1, 0.85)
    low = waist + between(f["flare"], 0.12, 0.5)
    canvas.paint(canvas.polygon((-waist, top), (waist, top), (low, hem), (-low, hem)), cloth(canvas, f))
    a, b, thin = waist * 0.33, low * 0.36, 0.035
    canvas.paint(
        pair(canvas, [(a - thin, top), (a + thin, top), (b + thin, hem), (b - thin, hem)]), brightness(f) * DARK
    )
    canvas.paint(box(canvas, -waist - 0.03, top - 0.1, waist + 0.03, top + 0.06), brightness(f) * DARK)


def legs(canvas: Canvas, f: Factors, top: float, hip: Array, hem: Array, wide: Array, crotch: float) -> None:
    """Paint a waistband and two legs that part at the crotch; `wide`: a leg's width at the hem / half of the hip's."""
    middle = hip * 0.62
    wide = hip * wide
    inner, outer = middle - wide / 2, middle + wide / 2
    leg: list[Point] = [(-0.01, top), (hip, top), (outer, hem), (inner, hem), (-0.01, crotch)]
    canvas.paint(pair(canvas, leg), cloth(canvas, f))
    canvas.paint(box(canvas, -0.03, top, 0.03, crotch), brightness(f) * DARK)
    canvas.paint(box(canvas, -hip, top - 0.02, hip, top + 0.13), brightness(f) * DARK)


def trousers(canvas: Canvas, f: Factors) -> None:
    """Two long legs."""
    hip = between(f["width"], 0.28, 0.42)
    legs(canvas, f, -0.88, hip, between(f["length"], 0.5, 0.92), between(f["flare"], 0.5, 0.95), -0.35)


def shorts(canvas: Canvas, f: Factors) -> None:
    """Two short, wide legs."""
    hip = between(f["width"], 0.36, 0.52)
    legs(canvas, f, -0.5, hip, between(f["length"], 0.1, 0.5), between(f["flare"], 0.75, 1.1), -0.15)


def sneaker(canvas: Canvas, f: Factors) -> None:
    """A low shoe seen from its side, toe to the left, on a thick bright sole with laces."""
    long, up = between(f["length"], 0.62, 0.92), between(f["width"], 0.38, 0.62)
    ground = 0.5
    thick = between(f["heel"], 0.1, 0.28)
    base = ground - thick
    back = [(long * 0.1, base - up), (long * 0.92, base - up * 1.05), (long * 0.98, base), (-long * 0.15, base)]
    front = [
        (long * 0.12, base - up),
        (long * 0.3, base - up),
        (long * 0.3, base),
        (-long, base),
        (-long * 0.95, base - up * 0.33),
        (-long * 0.7, base - up * 0.48),
    ]
    canvas.paint(union(canvas.polygon(*back), canvas.polygon(*front)), cloth(canvas, f) * 0.85)
    for share in (0.25, 0.5, 0.75):
        x, y = long * (0.05 - 0.65 * share), base - up * (0.93 - 0.42 * share)
        lace = [(x, y - 0.05), (x + 0.06, y - 0.05), (x + 0.2, y + 0.17), (x + 0.14, y + 0.17)]
        canvas.paint(canvas.polygon(*lace), 0.0)
    canvas.paint(box(canvas, -long * 1.03, base, long * 1.02, ground), 1.0)


def boot(canvas: Canvas, f: Factors) -> None:
    """A shaft over a foot seen from its side, toe to the left, on a block heel."""
    wide, high = between(f["width"], 0.36, 0.56), between(f["length"], 0.45, 1.15)
    ground, right = 0.85, 0.48
    heel = between(f["heel"], 0.08, 0.34)
    sole = ground - heel
    ankle = sole - 0.34
    shaft = canvas.polygon(
        (right - wide, ankle - high + 0.2), (right, ankle - high + 0.2), (right, sole), (right - wide, sole)
    )
    foot = canvas.polygon(
        (right - wide, ankle), (right, ankle), (right, sole), (-0.7, sole), (-0.68, sole - 0.16), (-0.5, sole - 0.27)
    )
    canvas.paint(union(shaft, foot), cloth(canvas, f))
    dark = brightness(f) * 0.5
    canvas.paint(box(canvas, -0.72, sole - 0.03, right, sole + 0.06), dark)
    canvas.paint(box(canvas, 0.16, sole, right, ground), dark)


def high_heel(canvas: Canvas, f: Factors) -> None:
    """A pump seen from its side, toe to the left, on a thin heel."""
    long, up = between(f["length"], 0.58, 0.85), between(f["heel"], 0.38, 0.9)
    ground = 0.6
    thick = between(f["width"], 0.2, 0.34)
    heel_y = ground - up
    sole = canvas.polygon(
        (long - 0.14, heel_y - thick),
        (long, heel_y - thick),
        (long, heel_y + 0.1),
        (-long * 0.3, ground),
        (-long * 0.45, ground - thick * 0.8),
    )
    toe = canvas.polygon(
        (-long * 0.2, ground - thick * 1.05),
        (-long * 0.1, ground - 0.1),
        (-long * 0.3, ground),
        (-long, ground),
        (-long * 0.98, ground - 0.1),
    )
    canvas.paint(union(sole, toe), cloth(canvas, f))
    canvas.paint(
        canvas.polygon((long - 0.16, heel_y + 0.04), (long, heel_y), (long - 0.01, ground), (long - 0.1, ground)),
        brightness(f) * 0.8,
    )


Drawer = Callable[[Canvas, Factors], None]
TOP = ("width", "length", "sleeve", "neckline", "flare", "brightness", "texture", "tilt")
BOTTOM = ("width", "length", "flare", "brightness", "texture", "tilt")
SHOE = ("width", "length", "heel", "brightness", "texture", "tilt")

GARMENTS: dict[str, tuple[Drawer, tuple[str, ...]]] = {
    "T-shirt": (t_shirt, TOP),
    "Sweater": (sweater, TOP),
    "Coat": (coat, TOP),
    "Dress": (dress, TOP),
    "Skirt": (skirt, BOTTOM),
    "Trousers": (trousers, BOTTOM),
    "Shorts": (shorts, BOTTOM),
    "Sneaker": (sneaker, SHOE),
    "Boot": (boot, SHOE),
    "High heel": (high_heel, SHOE),
}
"""Kind -> (how it is drawn, the factors that change it); the order is that of the labels."""
