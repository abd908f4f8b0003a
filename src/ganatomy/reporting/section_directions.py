"""Directions in latent space: what the strongest do, how well attributes are steered, what is entangled with what."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from . import parts
from .blocks import Block, Cell, Figure, LegendItem, Para, Table
from .desk import Desk
from .figures import Axis
from .figures_parts import Shade, ShadePanel, shade_chart
from .parts import Cut, direction_name, short_name, trait_name
from .records import RunRecord, finite
from .words import count, num, percent, signed

KINDS = ("svd", "pca", "attribute", "class", "factor")
INITIALS = {"svd": "S", "pca": "P"}
"""How numbered directions are called where there is little room: S1, P1."""
MOST_NUMBERED = 10
"""Numbered directions (SVD and PCA) in the chart, at most."""
SAME_COSINE = 0.9
"""From this cosine on two directions are called the same."""
NEAR_COSINE = 0.3
"""Below this cosine two attributes' directions are not called alike."""


@dataclass(frozen=True)
class DirectionsRecord:
    """A view of one directions.json; what is not defined there is NaN or left out."""

    record: dict[str, Any]

    @cached_property
    def rows(self) -> list[dict[str, Any]]:
        """The directions in order."""
        return list(self.record.get("directions") or [])

    def of(self, kind: str) -> list[dict[str, Any]]:
        """Return the directions of one kind in order."""
        return [row for row in self.rows if row.get("kind") == kind]

    @cached_property
    def _entanglement(self) -> dict[str, Any]:
        return self.record.get("entanglement") or {}

    @cached_property
    def traits(self) -> dict[str, dict[str, Any]]:
        """What is known of every trait, by name in the order of the tables' rows."""
        known = {row["name"]: row for row in self.record.get("attributes") or []}
        return {name: known.get(name, {}) for name in self._entanglement.get("attributes") or []}

    @cached_property
    def _columns(self) -> list[str]:
        return list(self._entanglement.get("directions") or [])

    def cell(self, table: str, trait: str, direction: str) -> float | None:
        """Return an entry of `change`, `lo`, `hi` or `normalised`, None where it is not defined."""
        traits = list(self.traits)
        if trait not in traits or direction not in self._columns:
            return None
        row = (self._entanglement.get(table) or [])[traits.index(trait)]
        value = row[self._columns.index(direction)]
        return float(value) if finite(value) else None

    def change(self, trait: str, direction: str) -> float | None:
        """Return the change in standard deviations of the trait per sigma, None where its interval holds 0."""
        lo, hi = self.cell("lo", trait, direction), self.cell("hi", trait, direction)
        return self.cell("change", trait, direction) if lo is not None and hi is not None and lo * hi > 0 else None

    def moved(self, direction: str) -> list[tuple[str, float]]:
        """Return the traits that a direction surely moves by the threshold or more, the most moved first."""
        least = self.threshold
        found = [(trait, change) for trait in self.traits if (change := self.change(trait, direction)) is not None]
        return sorted((pair for pair in found if abs(pair[1]) >= least), key=lambda pair: -abs(pair[1]))

    @property
    def threshold(self) -> float:
        """Least change that is called a move."""
        return float(self.record.get("threshold") or 0.0)

    def cosine(self, first: str, second: str) -> float | None:
        """Return the cosine between two directions."""
        record = self.record.get("cosines") or {}
        names, table = record.get("directions") or [], record.get("matrix") or []
        if first not in names or second not in names:
            return None
        value = table[names.index(first)][names.index(second)]
        return float(value) if finite(value) else None

    def shown_traits(self, kind: str) -> list[str]:
        """Return the traits of one kind; of many classes the most probable ones, in order."""
        names = [name for name, row in self.traits.items() if row.get("kind") == kind]
        if kind == "class" and len(names) > parts.MOST_CLASSES:
            most = sorted(names, key=lambda name: -float(self.traits[name].get("mean") or 0))[: parts.MOST_CLASSES]
            names = [name for name in names if name in most]
        return names


def blocks(desk: Desk, run: RunRecord) -> list[Block]:
    """Return what the report says of a run's directions, nothing where there are none."""
    view = DirectionsRecord(parts.part(run, run.directions))
    if not view.rows:
        return []
    found: list[Block] = list(answer(desk, run, view))
    found += [figure for kind in KINDS if (figure := _pictures(desk, run, view, kind))]
    chart = entanglement_figure(desk, run, view)
    found += [chart] if chart else []
    table = steering_table(desk, run, view)
    found += [table] if table else []
    return found + [Para(text, "note") for text in _missing(desk, run, view)]


def answer(desk: Desk, run: RunRecord, view: DirectionsRecord) -> list[Para]:
    """Say what the strongest directions do; then how well attributes are steered and what is entangled with what."""
    return parts.paragraphs(
        desk, (_strongest(desk, run, view),), (_steered(desk, run, view), _entangled(desk, run, view))
    )


def _strongest(desk: Desk, run: RunRecord, view: DirectionsRecord) -> str:
    words = desk.words
    kind = next((kind for kind in ("svd", "pca") if view.of(kind)), None)
    if kind is None:
        return ""
    items, still = [], []
    for row in view.of(kind):
        change = view.change(row["names"], row["name"]) if row.get("names") else None
        name = direction_name(desk, run, row["name"])
        if change is None:
            still.append(name)
        else:
            trait = trait_name(desk, run, row["names"])
            items.append(words("dir.item", name=name, trait=trait, change=signed(change, 2)))
    threshold = num(view.threshold, 2)
    if not items:
        return words(f"dir.none.{kind}", threshold=threshold)
    text = words(f"dir.strong.{kind}", items=words.listing(items))
    return text + (words("dir.still", names=words.listing(still), threshold=threshold) if still else words("dir.stop"))


def _fitted(view: DirectionsRecord, kind: str) -> list[dict[str, Any]]:
    return sorted((row for row in view.of(kind) if finite(row.get("r2"))), key=lambda row: float(row["r2"]))


def _steered(desk: Desk, run: RunRecord, view: DirectionsRecord) -> str:
    """Say how well attributes follow straight directions."""
    rows = _fitted(view, "attribute")
    if not rows:
        return ""
    low, high = rows[0], rows[-1]
    known = {
        "low": num(low["r2"], 2), "high": num(high["r2"], 2), "low_name": trait_name(desk, run, low["name"]),
        "high_name": trait_name(desk, run, high["name"]),
    }  # fmt: skip
    text = desk.words("dir.steer.many" if len(rows) > 1 else "dir.steer.one", **known)
    agree = [float(row["reliability"]) for row in rows if finite(row.get("reliability"))]
    return text + (desk.words("dir.agree", least=num(min(agree), 2)) if agree else desk.words("dir.stop"))


def _entangled(desk: Desk, run: RunRecord, view: DirectionsRecord) -> str:
    """Name the attribute that another attribute's direction moves most, beside that attribute itself."""
    names = view.shown_traits("attribute")
    pairs = [
        (value, other, own) for own in names for other in names
        if other != own and (value := view.cell("normalised", other, own)) is not None
    ]  # fmt: skip
    if not pairs:
        return ""
    value, other, own = max(pairs)
    known = {"other": trait_name(desk, run, other), "own": trait_name(desk, run, own), "ratio": num(value, 2)}
    return desk.words("dir.entangled", **known)


def _step(value: float) -> str:
    return f"{value:g}".replace("-", "\N{MINUS SIGN}")


def _pictures(desk: Desk, run: RunRecord, view: DirectionsRecord, kind: str) -> Figure | None:
    """Return the picture of one kind, a part per latent."""
    path = parts.source(run, (view.record.get("figures") or {}).get(kind))
    rows, steps, codes = view.of(kind), view.record.get("steps") or [], int(view.record.get("num_codes") or 1)
    if path is None or not rows:
        return None
    words = desk.words
    marks = tuple(map(_step, steps))
    title = words(f"fig.directions.{kind}", run=desk.label(run), n=len(rows))
    cuts = [Cut(len(steps), marks, words("dir.latent", n=i + 1)) for i in range(codes)]
    shown = parts.cut(desk, run, path, cuts, 10, title, [_row_label(desk, run, view, row) for row in rows])
    how = words("dir.how", low=_step(min(steps)), high=_step(max(steps))) if steps else ""
    return parts.figure(desk, title, (how, _shares(desk, view, kind), _moves(desk, run, view, kind)), shown)


def _row_label(desk: Desk, run: RunRecord, view: DirectionsRecord, row: dict[str, Any]) -> str:
    """Name a row; a numbered direction by its number and what it moves most, and which way."""
    if row["kind"] not in INITIALS:
        return short_name(desk, run, row["name"])
    name, moved = f"{INITIALS[row['kind']]}{int(row['index']) + 1}", row.get("names")
    change = view.change(moved, row["name"]) if isinstance(moved, str) else None
    if change is None or not isinstance(moved, str):
        return name
    arrow = "↑" if change > 0 else "↓"
    return desk.words("direction.moves", name=name, trait=f"{short_name(desk, run, moved)}{arrow}")


def _shares(desk: Desk, view: DirectionsRecord, kind: str) -> str:
    shares = [float(row["share"]) for row in view.of(kind) if finite(row.get("share"))]
    if not shares or kind not in ("svd", "pca"):
        return ""
    known = {"n": len(shares), "first": percent(shares[0]), "sum": percent(sum(shares))}
    z_dim = int(view.record["z_dim"])
    return desk.words(f"dir.share.{kind}", z_dim=z_dim, even=percent(len(shares) / z_dim), **known)


def _moves(desk: Desk, run: RunRecord, view: DirectionsRecord, kind: str) -> str:
    """List what the directions of one kind surely move: two traits of a numbered one, its own of the others."""
    words = desk.words
    items = []
    for row in view.of(kind):
        name = direction_name(desk, run, row["name"])
        if kind in ("svd", "pca"):
            moved = view.moved(row["name"])[:2]
            traits = [f"{trait_name(desk, run, trait)} {signed(change, 2)}" for trait, change in moved]
            if traits:
                items.append(words("dir.both", name=name, traits=words.listing(traits)))
        else:
            own = view.change(row["name"], row["name"])
            items.append(f"{name} {signed(own, 2) if own is not None else words('dir.unsure')}")
    if not items:
        return ""
    if kind in ("svd", "pca"):
        return words("dir.moves", items=words("list.semi").join(items))
    return words("dir.moves.own", items=words("list.comma").join(items))


def entanglement_figure(desk: Desk, run: RunRecord, view: DirectionsRecord) -> Figure | None:
    """Return the table of what every direction does to every attribute, class and factor, with the closest pairs."""
    words = desk.words
    panels = [panel for panel in (_numbered_panel(desk, run, view), *_own_panels(desk, run, view)) if panel]
    if not panels:
        return None
    title = words("fig.entanglement", run=desk.label(run))
    number = desk.number()
    legend = (
        LegendItem("accent", "bar", words("entanglement.up")), LegendItem("d", "bar", words("entanglement.down")),
    )  # fmt: skip
    chart = shade_chart(f"fig{number}", panels, Axis("", "", title))
    cut = words("entanglement.cut", n=parts.MOST_CLASSES)
    classes = sum(row.get("kind") == "class" for row in view.traits.values())
    reading = (
        words("entanglement.how", n=count(view.record.get("num_test") or 0)), _pairs(desk, run, view),
        _same(desk, view), _apart(desk, view), cut if classes > parts.MOST_CLASSES else "",
    )  # fmt: skip
    return desk.add(Figure(number, title, tuple(filter(None, reading)), chart=chart, legend=legend))


def _shade(view: DirectionsRecord, trait: str, direction: str) -> Shade | None:
    change = view.change(trait, direction)
    if change is None:
        return None
    return Shade(change, f"{100 * change:.0f}".replace("-", "\N{MINUS SIGN}"), trait == direction)


def _panel(
    desk: Desk, run: RunRecord, view: DirectionsRecord, traits: list[str], columns: dict[str, str], title: str
) -> ShadePanel:
    """Return the panel of some traits (rows) and directions (columns, with their labels)."""
    cells = tuple(tuple(_shade(view, trait, name) for name in columns) for trait in traits)
    names = tuple(short_name(desk, run, trait) for trait in traits)
    return ShadePanel(title, names, tuple(columns.values()), cells, is_numbered=list(columns) == traits)


def _numbered_panel(desk: Desk, run: RunRecord, view: DirectionsRecord) -> ShadePanel | None:
    known = {kind: [row["name"] for row in view.of(kind)] for kind in ("svd", "pca") if view.of(kind)}
    traits = [trait for kind in KINDS[2:] for trait in view.shown_traits(kind)]
    if not known or not traits:
        return None
    most = MOST_NUMBERED // len(known)
    columns = {name: f"{INITIALS[kind]}{i + 1}" for kind, names in known.items() for i, name in enumerate(names[:most])}
    return _panel(desk, run, view, traits, columns, desk.words(f"entanglement.{'-'.join(known)}"))


def _own_panels(desk: Desk, run: RunRecord, view: DirectionsRecord) -> list[ShadePanel]:
    found = []
    for kind in KINDS[2:]:
        traits = view.shown_traits(kind)
        if len(traits) > 1:
            columns = {name: str(i + 1) for i, name in enumerate(traits)}
            found.append(_panel(desk, run, view, traits, columns, desk.words(f"entanglement.{kind}")))
    return found


def _pairs(desk: Desk, run: RunRecord, view: DirectionsRecord) -> str:
    """Name the attributes whose directions are most alike."""
    words, names = desk.words, view.shown_traits("attribute")
    pairs = [
        (value, first, second) for i, first in enumerate(names) for second in names[i + 1 :]
        if (value := view.cosine(first, second)) is not None
    ]  # fmt: skip
    if not pairs:
        return ""
    pairs.sort(key=lambda pair: -abs(pair[0]))
    near = [pair for pair in pairs[:3] if abs(pair[0]) >= NEAR_COSINE]
    chance = (view.record.get("cosines") or {}).get("chance")
    known = {"chance": num(chance, 2) if finite(chance) else "–", "least": num(NEAR_COSINE, 2)}
    if not near:
        return words("entanglement.pairs.none", **known)
    items = []
    for value, *both in near:
        first, second = (trait_name(desk, run, name) for name in both)
        items.append(words("entanglement.pair", first=first, second=second, cosine=num(value, 2)))
    return words("entanglement.pairs", items=words.listing(items), **known)


def _same(desk: Desk, view: DirectionsRecord) -> str:
    """Say whether the closed form and the principal components found the same directions."""
    best = []
    for row in view.of("svd"):
        cosines = [abs(c) for other in view.of("pca") if (c := view.cosine(row["name"], other["name"])) is not None]
        best += [max(cosines)] if cosines else []
    if not best:
        return ""
    same = sum(cosine >= SAME_COSINE for cosine in best)
    kind = "all" if same == len(best) else "some" if same else "none"
    known = {"n": len(best), "same": same, "low": num(min(best), 2), "high": num(max(best), 2)}
    return desk.words(f"entanglement.same.{kind}", limit=num(SAME_COSINE, 2), **known)


def _apart(desk: Desk, view: DirectionsRecord) -> str:
    """Say how much the directions of each kind move the other traits of their kind."""
    words = desk.words
    record = (view.record.get("entanglement") or {}).get("offdiagonal") or {}
    items = [
        words(f"entanglement.off.{kind}", mean=num(row["mean"], 2), most=num(row["max"], 2))
        for kind in KINDS[2:] if finite((row := record.get(kind) or {}).get("mean")) and finite(row.get("max"))
    ]  # fmt: skip
    if not items:
        return ""
    text = words("entanglement.off", items=words("list.semi").join(items))
    known = "factors" if "factor" in record else "nature"
    return text + words("join.sentences") + words(f"entanglement.{known}")


def steering_table(desk: Desk, run: RunRecord, view: DirectionsRecord) -> Table | None:
    """Return how well every attribute and factor is steered; classes stand in the note."""
    words = desk.words
    rows = [row for kind in ("attribute", "factor") for row in view.of(kind) if finite(row.get("r2"))]
    if not rows:
        return None
    head = tuple(words(f"steer.{name}") for name in ("column", "r2", "agree", "angle", "own"))
    cells = []
    for row in rows:
        own = view.change(row["name"], row["name"])
        numbers = [num(row["r2"], 2)]
        numbers.append(num(row["reliability"], 2) if finite(row.get("reliability")) else "–")
        numbers.append(f"{row['error_deg']:.1f}°" if finite(row.get("error_deg")) else "–")
        numbers.append(signed(own, 2) if own is not None else "–")
        cells.append((Cell(trait_name(desk, run, row["name"])), *(Cell(text, numeric=True) for text in numbers)))
    note = words("steer.note", n=count(view.record.get("num_latents") or 0))
    classes = _fitted(view, "class")
    if classes:
        ends = {"low": num(classes[0]["r2"], 2), "high": num(classes[-1]["r2"], 2)}
        note += words("join.sentences") + words("steer.classes", **ends)
    return Table(words("steer.table", run=desk.label(run)), head, tuple(cells), note, kind="beside")


def _missing(desk: Desk, run: RunRecord, view: DirectionsRecord) -> list[str]:
    """Say what the run has no directions for."""
    words = desk.words
    found = [] if view.of("svd") or view.record.get("num_svd") == 0 else [words("dir.no_svd")]
    left = [trait_name(desk, run, name) for name in view.record.get("left_out") or {}]
    if not view.of("class") and not any(str(name).startswith("class:") for name in view.record.get("left_out") or {}):
        found.append(words("dir.no_classes"))
    if left:
        found.append(words("dir.left_out", names=words.listing(left, most=6)))
    return [words("join.sentences").join(found)] if found else []
