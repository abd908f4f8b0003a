"""The verb `walk`: films that open again with the generator's own pixels."""

import dataclasses
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageSequence

import ganatomy as ga
from ganatomy import files, images, presets, rng, walk_verb
from ganatomy.config import resolve
from ganatomy.errors import ConfigError, OutputError, RunError
from ganatomy.film import save_animation
from ganatomy.latent import paths, walks
from ganatomy.latent.lens import Lens
from ganatomy.latent.walks import WalkConfig
from ganatomy.metrics import features
from ganatomy.models.generate import generate
from ganatomy.training.run import create_run, open_run
from ganatomy.training.session import run_training

sys.path.insert(0, str(Path(__file__).parent / "latent"))
from planted import Brightness, NoClasses, Planted

SIDE = 28


@pytest.fixture(scope="module")
def run(tmp_path_factory, tiny_dataset) -> Path:
    """A run of four steps that pictured its latents at 0, 8, 16, 24 and 32 images."""
    config = resolve(
        dataclasses.replace(
            presets.gan(), batch_size=8, total_nimg=32, sample_nimg=8, snapshot_nimg=32, checkpoint_nimg=32,
            num_train=len(tiny_dataset.train), data_sha256=tiny_dataset.sha256,
        )
    )  # fmt: skip
    folder = tmp_path_factory.mktemp("runs") / "tiny"
    create_run(folder, config, "test")
    list(run_training(open_run(folder), tiny_dataset, say=lambda message: None))
    return folder


def frames_of(path: Path) -> list[np.ndarray]:
    """Return the frames as uint8 [H, W]; what is grey must be grey in every channel."""
    frames = []
    with Image.open(path) as film:
        for frame in ImageSequence.Iterator(film):
            pixels = np.asarray(frame.convert("RGB"))
            assert (pixels == pixels[..., :1]).all()
            frames.append(pixels[..., 0])
    return frames


def durations_of(path: Path) -> list[int]:
    with Image.open(path) as film:
        found = []
        for number in range(film.n_frames):
            film.seek(number)
            film.load()
            found.append(film.info["duration"])
        return found


def cell(frame: np.ndarray, scale: int, row: int, column: int, gap: int = 2) -> np.ndarray:
    """Return a walk's picture in a frame, back in its own size; every square must be of one level."""
    step, side = (SIDE + gap) * scale, SIDE * scale
    squares = frame[row * step : row * step + side, column * step : column * step + side]
    small = squares[::scale, ::scale]
    np.testing.assert_array_equal(small.repeat(scale, 0).repeat(scale, 1), squares)
    return small


@pytest.mark.parametrize("ending", ["webp", "gif"])
def test_a_loop_holds_the_generators_pixels(run, tmp_path, ending):
    path = ga.walk(run, num_frames=8, columns=3, scale=2, seed=4, fps=10, out=tmp_path / f"x.{ending}")
    assert path == tmp_path / f"x.{ending}"
    frames = frames_of(path)
    assert len(frames) == 8
    assert durations_of(path) == [100] * 8
    assert {frame.shape for frame in frames} == {(2 * (3 * SIDE + 4), 2 * (3 * SIDE + 4))}
    with Image.open(path) as film:
        assert film.info["loop"] == 0
    anchors = rng.latents(4, "walk", 36, 100).view(9, 4, 100)
    G = open_run(run).generator()
    wanted = generate(G, paths.loop(anchors, 8).flatten(0, 1)).view(9, 8, SIDE, SIDE).numpy()
    np.testing.assert_array_equal(wanted[:, ::2], generate(G, anchors.flatten(0, 1)).view(9, 4, SIDE, SIDE).numpy())
    for number, frame in enumerate(frames):
        for walk in range(9):
            np.testing.assert_array_equal(cell(frame, 2, walk // 3, walk % 3), wanted[walk, number])
    assert (frames[0][2 * SIDE : 2 * SIDE + 4] == 255).all()


@pytest.mark.parametrize("kind", ["linear", "spherical"])
def test_open_walks_go_from_a_latent_to_another_and_hold_there(run, tmp_path, kind):
    path = ga.walk(run, kind=kind, num_frames=5, columns=2, out=tmp_path / "x.webp")
    z = rng.latents(0, "walk", 8, 100)
    G = open_run(run).generator()
    t = torch.linspace(0, 1, 5, dtype=torch.float64)
    wanted = generate(G, paths.BETWEEN[kind](z[2:3], z[3:4], t)[0])[:, 0].numpy()
    scale = round(500 / (2 * SIDE + 2))
    frames = frames_of(path)
    for frame, picture in zip(frames, wanted, strict=True):
        np.testing.assert_array_equal(cell(frame, scale, 0, 1), picture)
    np.testing.assert_array_equal(cell(frames[4], scale, 1, 0), generate(G, z[5:6])[0, 0].numpy())
    assert durations_of(path) == [1080, 80, 80, 80, 1080]


@pytest.mark.parametrize("kind", ["loop", "spherical"])
def test_latents_of_a_file_make_one_walk_in_their_order(run, tmp_path, kind):
    z = 0.5 * rng.latents(9, "t", 3, 100)
    np.save(tmp_path / "z.npy", z.numpy())
    path = ga.walk(run, kind=kind, latents=tmp_path / "z.npy", num_frames=9, scale=1, out=tmp_path / "x.webp")
    frames = frames_of(path)
    assert frames[0].shape == (SIDE, SIDE)
    met = [frames[k] for k in ((0, 3, 6) if kind == "loop" else (0, 4, 8))]
    np.testing.assert_array_equal(np.stack(met), generate(open_run(run).generator(), z)[:, 0].numpy())


def test_the_same_call_gives_the_same_bytes_and_another_seed_does_not(run, tmp_path):
    for ending in ("webp", "gif"):
        paths_ = [
            ga.walk(run, num_frames=6, columns=2, seed=seed, out=tmp_path / f"{name}.{ending}")
            for name, seed in (("a", 0), ("b", 0), ("c", 1))
        ]
        a, b, c = (path.read_bytes() for path in paths_)
        assert a == b != c


def test_a_folder_gets_numbered_pictures_and_no_longer_film_is_mixed_in(run, tmp_path):
    film = frames_of(ga.walk(run, num_frames=6, columns=2, out=tmp_path / "x.webp"))
    for _ in range(2):
        folder = ga.walk(run, num_frames=6, columns=2, out=tmp_path / "frames")
        assert sorted(path.name for path in folder.iterdir()) == [f"{number:06d}.png" for number in range(6)]
        for number, frame in enumerate(film):
            np.testing.assert_array_equal(images.read_png(folder / f"{number:06d}.png"), frame)
    with pytest.raises(OutputError, match="holds the frames of a longer film"):
        ga.walk(run, num_frames=5, columns=2, out=tmp_path / "frames")


def test_without_out_the_film_lies_in_the_run(run, capsys):
    path = ga.walk(run, num_frames=2)
    assert path == run / "walk-loop.webp"
    side = 4 * (4 * SIDE + 6)
    assert frames_of(path)[0].shape == (side, side)
    assert f"2 pictures of {side} x {side} px (--scale 4), 0.2 s; tiny at 32 training images" in capsys.readouterr().err
    path.unlink()


def test_the_training_is_played_in_order_and_its_end_is_held(run, tmp_path):
    samples = [images.read_png(path) for path in sorted((run / "samples").iterdir())]
    assert len(samples) == 5
    path = ga.walk(run, kind="film", scale=1, out=tmp_path / "x.webp")
    np.testing.assert_array_equal(np.stack(frames_of(path)), np.stack(samples))
    assert durations_of(path) == [500] * 4 + [2500]
    path = ga.walk(run, kind="film", columns=3, num_frames=3, scale=2, fps=4, out=tmp_path / "y.gif")
    for frame, sheet in zip(frames_of(path), samples[::2], strict=True):
        np.testing.assert_array_equal(frame[::2, ::2], sheet[: 3 * SIDE, : 3 * SIDE])
    assert durations_of(path) == [250, 250, 2250]
    assert len(frames_of(ga.walk(run, kind="film", num_frames=99, out=tmp_path / "z.webp"))) == 5


def test_the_training_film_needs_samples_of_this_run_only(run, tmp_path):
    def copy(name: str, num: int) -> Path:
        folder = files.make_folder(tmp_path / name)
        (folder / "config.json").write_bytes((run / "config.json").read_bytes())
        files.make_folder(folder / "samples")
        for path in sorted((run / "samples").iterdir())[:num]:
            (folder / "samples" / path.name).write_bytes(path.read_bytes())
        return folder

    assert len(frames_of(ga.walk(copy("no-snapshot", 2), kind="film"))) == 2
    with pytest.raises(RunError, match=r"samples holds 1 pictures of the training; a film needs at least 2"):
        ga.walk(copy("one", 1), kind="film")
    with pytest.raises(RunError, match="has no snapshot yet"):
        ga.walk(tmp_path / "one")
    other = copy("other", 3)
    images.save_png(other / "samples" / "fixed-000000008.png", np.zeros((64, 64), np.uint8))
    with pytest.raises(RunError, match="has 64 x 64 pixels, expected are 224 x 224"):
        ga.walk(other, kind="film")
    (other / "samples" / "fixed-000000008.png").write_bytes(b"\x89PNG broken")
    with pytest.raises(RunError, match=r"fixed-000000008.png cannot be read as an image"):
        ga.walk(other, kind="film")
    assert not (other / "walk-film.webp").exists()


class Wide(Brightness):
    img_shape = (1, SIDE, SIDE)


class Steep(torch.nn.Module):
    """The first latent number is the level of the image."""

    def __init__(self):
        super().__init__()
        self.scale = torch.nn.Parameter(torch.tensor(0.5), requires_grad=False)
        self.eval()

    def forward(self, z):
        return (self.scale * z[:, 0]).clamp(-1, 1).view(-1, 1, 1, 1).expand(-1, 1, SIDE, SIDE)


def class_walks(G=None, network=None, **settings):
    config = WalkConfig(kind="classes", num_frames=5, **settings)
    network = network or Wide()
    ends = walks.check_classes(config, network.class_names, network.name)
    lens = Lens(G or Steep(), network)
    z, told = walks.class_walks(config, lens, 6, ends)
    return lens.see(z[:, [0, -1]].flatten(0, 1)).classes.reshape(-1, 2).tolist(), z, told


def test_walks_between_classes_begin_and_end_in_them():
    ends, z, told = class_walks()
    assert ends == [[0, 1], [1, 2], [2, 0]]
    assert z.shape == (3, 5, 6)
    assert told == "Dark -> Trouser, Trouser -> Bright, Bright -> Dark"
    torch.testing.assert_close(z[0, -1], z[1, 0])
    assert class_walks(class_from="bright")[0] == [[2, 0], [2, 1]]
    assert class_walks(class_to="Dark")[0] == [[1, 0], [2, 0]]
    ends, z, told = class_walks(class_from="DARK", class_to="Bright", columns=3)
    assert ends == [[0, 2]] * 9
    assert told == "Dark -> Bright"
    assert len({tuple(row.tolist()) for row in z[:, 0]}) == 9


def test_classes_that_cannot_be_walked():
    with pytest.raises(ConfigError, match=r"unknown class 'trousers'; allowed: Dark, Trouser, Bright. Did you mean 'T"):
        class_walks(class_to="trousers")
    with pytest.raises(ConfigError, match="class_from and class_to are both 'Dark'"):
        class_walks(class_from="dark", class_to="Dark")
    with pytest.raises(ConfigError, match="no-classes knows 0; give kind loop"):
        class_walks(network=NoClasses())

    class Dim(Steep):
        def forward(self, z):
            return super().forward(z).clamp(-1, 0.1)

    with pytest.raises(ConfigError, match=r"gives the class 'Bright'; found: Dark, Trouser. Give one of these"):
        class_walks(Dim(), class_to="Bright")
    ends, _, told = class_walks(Dim())
    assert ends == [[0, 1], [1, 0]]
    assert told.endswith("(not drawn, so left out: Bright)")

    class Black(Steep):
        def forward(self, z):
            return super().forward(z).clamp(-1, -1)

    with pytest.raises(ConfigError, match="latents give one class, 'Dark'; give kind loop"):
        class_walks(Black())


def test_the_verb_walks_between_classes(run, tmp_path, monkeypatch, tiny_dataset):
    asked = []
    monkeypatch.setattr(walk_verb, "of_run", lambda opened, data_dir: asked.append(data_dir) or tiny_dataset)
    monkeypatch.setattr(features, "features_for", lambda dataset: Striped())
    path = ga.walk(run, kind="classes", num_frames=3, scale=1, data_dir=tmp_path, out=tmp_path / "x.webp")
    assert asked == [tmp_path]
    assert [frame.shape for frame in frames_of(path)] == [(SIDE, 2 * SIDE + 2)] * 3
    first, last = frames_of(path)[0], frames_of(path)[-1]
    np.testing.assert_array_equal(cell(first, 1, 0, 0), cell(last, 1, 0, 1))
    with pytest.raises(ConfigError, match="unknown class 'Rigt'"):
        ga.walk(run, kind="classes", class_from="Rigt", out=tmp_path / "y" / "y.webp")
    assert not (tmp_path / "y").exists()


class Striped(Wide):
    """Which half of an image is brighter: what an untrained generator draws is of both classes."""

    class_names = ("Left", "Right")

    def compute(self, img):
        left, right = (half.mean(dim=(1, 2, 3)) for half in img.tensor_split(2, dim=3))
        return super().compute(img)[0], torch.stack([left - right, right - left], dim=1).mul(50).softmax(dim=1)


@pytest.mark.parametrize(
    ("num", "columns", "wanted"),
    [(16, None, 4), (10, None, 5), (9, None, 3), (7, None, 3), (1, None, 1), (10, 4, 4), (2, 9, 2)],
)
def test_how_many_walks_stand_side_by_side(num, columns, wanted):
    assert walks.columns_of(WalkConfig(columns=columns), num) == wanted


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"out": "x.mp4"}, r"x.mp4 ends in .mp4; allowed: .webp, .gif, or a folder's name"),
        ({"num_frames": 1}, "num_frames is 1; a film needs at least 2"),
        ({"columns": 0}, "columns is 0; it must be at least 1"),
        ({"seed": -1}, "seed is -1; it must be 0 or more"),
        ({"scale": 0}, "scale is 0; it must be at least 1"),
        ({"fps": 0.0}, "fps is 0; give 0.1 to 50"),
        ({"fps": float("nan")}, "fps is nan; give 0.1 to 50"),
        ({"class_to": "Bag"}, "class_from and class_to are for the kind classes, not for loop"),
        ({"kind": "film", "latents": "z.npy"}, "the kind film chooses its own latents"),
        ({"columns": 2, "latents": "z.npy"}, "the latents of a file make one walk"),
        ({"columns": 100_000}, "is too large"),
        ({"num_frames": 10**9, "kind": "classes"}, "1000000000 frames of 504 x 504 pixels is too large"),
        ({"scale": 200}, r"23600 x 23600 pixels is too large: at most 16,383 a side"),
        ({"num_frames": 100_000, "columns": 1}, "100000 frames of 504 x 504 pixels is too large"),
    ],
)
def test_options_that_are_not_allowed(run, tmp_path, options, words):
    before = sorted(run.rglob("*"))
    with pytest.raises(ConfigError, match=words):
        ga.walk(run, **({"out": tmp_path / "out" / "x.webp"} | options))
    assert list(tmp_path.iterdir()) == []
    assert sorted(run.rglob("*")) == before


@pytest.mark.parametrize(("ending", "off"), [("webp", 0), ("gif", 60)])
def test_colour_frames_are_exact_in_webp_and_near_in_gif(tmp_path, ending, off):
    """9 x 40 random colours do not fit into a GIF's 256, so some are replaced by their neighbours."""
    frames = list(np.random.default_rng(0).integers(0, 256, (3, 9, 40, 3), dtype=np.uint8))
    save_animation(tmp_path / f"x.{ending}", frames, [50, 60, 70])
    with Image.open(tmp_path / f"x.{ending}") as film:
        opened = [np.asarray(frame.convert("RGB")) for frame in ImageSequence.Iterator(film)]
    assert np.abs(np.stack(opened).astype(int) - np.stack(frames)).max() <= off
    assert durations_of(tmp_path / f"x.{ending}") == [50, 60, 70]


@pytest.mark.parametrize("ending", ["webp", "gif"])
def test_equal_frames_are_stored_once_and_shown_longer(tmp_path, ending):
    frames = [np.full((8, 8), level, np.uint8) for level in (10, 10, 200)]
    save_animation(tmp_path / f"x.{ending}", frames, [50, 60, 70])
    assert sum(durations_of(tmp_path / f"x.{ending}")) == 180
    assert [int(frame[0, 0]) for frame in frames_of(tmp_path / f"x.{ending}")] == [10, 200]


@pytest.mark.parametrize("ending", ["webp", "gif", "WEBP"])
def test_a_film_says_what_it_holds(run, tmp_path, capsys, ending):
    """Equal latents make a still; the same picture for a while plays as long as announced."""
    z = rng.latents(9, "t", 1, 100)
    path = tmp_path / f"x.{ending}"
    np.save(tmp_path / "z.npy", torch.cat([z, z]).numpy())
    ga.walk(run, kind="linear", latents=tmp_path / "z.npy", scale=1, out=path)
    told = f"{path}: a still of 28 x 28 px (--scale 1), for all 64 pictures are equal; tiny at"
    assert told in capsys.readouterr().err
    np.save(tmp_path / "z.npy", torch.cat([z, z, -z]).numpy())
    ga.walk(run, kind="linear", latents=tmp_path / "z.npy", num_frames=9, scale=1, fps=10, out=path)
    said = capsys.readouterr().err
    held = durations_of(path)
    assert f"9 pictures of 28 x 28 px (--scale 1) ({len(held)} different ones" in said
    assert f", {sum(held) / 1000:.1f} s; tiny at" in said
    assert len(held) <= 5
    assert sum(held) == 9 * 100 + 2000


def test_a_walk_overwrites_no_other_pictures(run, tmp_path):
    ga.walk(run, num_frames=3, columns=2, out=tmp_path / "v1.0")
    before = {path.name: path.read_bytes() for path in (tmp_path / "v1.0").iterdir()}
    with pytest.raises(OutputError, match=r"000000\.png is there already and is another picture"):
        ga.walk(run, num_frames=3, columns=2, seed=1, out=tmp_path / "v1.0")
    assert {path.name: path.read_bytes() for path in (tmp_path / "v1.0").iterdir()} == before
    (tmp_path / "v1.0" / "notes.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(OutputError, match=r"holds 'notes\.txt', which this command would not write"):
        ga.walk(run, num_frames=3, columns=2, out=tmp_path / "v1.0")


def test_planted_images_of_other_shapes_are_laid_out():
    z = torch.zeros(5, 7, 6)
    *_, frames = walks.walk_frames(Planted(), z, 3)
    assert {frame.shape for frame in frames} == {walks.frame_shape(5, 3, (1, 12, 12))} == {(26, 40)}
    assert walks.frame_shape(5, 3, (3, 12, 10)) == (26, 34)
