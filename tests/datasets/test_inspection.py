from pathlib import Path

import numpy as np
import pytest

from ganatomy.datasets import survey
from ganatomy.datasets.collection import read_path
from ganatomy.datasets.fitting import Fitting
from ganatomy.datasets.inspection import WIDTH, Inspection, inspect
from ganatomy.datasets.wording import columns
from ganatomy.errors import DataError
from ganatomy.progress import Progress
from pictures import NUM_BROKEN, drawn, png


def look(path: Path, fitting: Fitting | None = None) -> Inspection:
    *progress, result = inspect(path, fitting or Fitting())
    assert all(isinstance(record, Progress) for record in progress)
    assert isinstance(result, Inspection)
    return result


def flat(root: Path, names: list[str], size: tuple[int, int] = (12, 12)) -> Path:
    """Write pictures of one grey level each, 3 times their number."""
    for number, name in enumerate(names):
        place = root / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(png(np.full(size, 3 * number, np.uint8)))
    return root


def test_mixed_sizes_are_a_problem_not_an_error(mixed):
    folder, broken = mixed
    found = look(folder)
    assert {file.name for file in found.findings.refused} == broken
    assert found.problem is not None
    assert "give --size 32x48 --fit crop" in found.problem
    assert found.findings.img_shape is None
    assert found.findings.decisions[0].value == "--size 32x48 needed"
    assert found.picture().shape[2] == 3


def test_the_text_names_everything(mixed):
    folder, broken = mixed
    lines = look(folder).lines()
    text = "\n".join(lines)
    assert max(columns(line) for line in lines) <= WIDTH == 100
    assert not any(line != line.rstrip() for line in lines)
    for name in broken:
        assert name in text
    for words in (
        "28x28",
        "PNG, mode RGBA",
        "CMYK",
        "中文 类",
        f"Not read: {NUM_BROKEN}",
        "float TIFF",
        "Problem:",
        "channels 3",
    ):
        assert words in text


def test_with_a_size_there_is_no_problem_and_the_same_is_found_as_when_reading(mixed):
    folder, _ = mixed
    fitting = Fitting((32, 32), "pad")
    found = look(folder, fitting)
    assert found.problem is None
    assert found.lines()[-1].startswith("Ready: 159 pictures to train on, 17 to test on.")
    *_, (_, findings) = read_path(folder, fitting)
    assert found.findings == findings


def test_too_few_and_too_large_are_problems(tmp_path, monkeypatch):
    flat(tmp_path, ["1.png", "2.png"])
    (tmp_path / "x.png").write_bytes(b"")
    found = look(tmp_path)
    assert "at least 2 of each" in found.problem
    assert "x.png: the file is empty" in "\n".join(found.lines())
    assert found.picture() is not None
    monkeypatch.setattr("ganatomy.datasets.choices.MAX_KEPT_BYTES", 3 * 144)
    monkeypatch.setattr(survey, "MAX_KEPT_BYTES", 3 * 144)
    assert "GiB of memory" in look(flat(tmp_path, [f"{n}.png" for n in range(5)])).problem


def test_nothing_at_all(tmp_path):
    found = look(tmp_path)
    assert "holds no files" in found.problem
    assert found.picture() is None
    assert found.lines()[0] == f"{tmp_path.name} (folder): 0 pictures, 0 files, 0 not read"
    (tmp_path / "a.txt").write_text("x")
    assert look(tmp_path).picture() is None


def test_what_cannot_be_looked_at_is_an_error(tmp_path):
    with pytest.raises(DataError, match="does not exist"):
        list(inspect(tmp_path / "none", Fitting()))
    (tmp_path / "x.zip").write_bytes(b"PK")
    with pytest.raises(DataError, match="no zip archive"):
        list(inspect(tmp_path / "x.zip", Fitting()))


def cells(sheet: np.ndarray, cell_px: int) -> np.ndarray:
    """Return the centre level of each cell of a sheet with gaps of 2: [rows, columns]."""
    return sheet[cell_px // 2 :: cell_px + 2, cell_px // 2 :: cell_px + 2, 0]


def test_the_sheet_shows_each_class_in_its_row(tmp_path):
    names = [f"{name}/{number}.png" for name in ("a", "b", "c") for number in range(24 if name == "b" else 5)]
    found = look(flat(tmp_path, names))
    sheet = found.picture()
    assert sheet.dtype == np.uint8
    assert sheet.shape == (3 * 50 - 2, 12 * 50 - 2, 3)  # 12 px enlarged four times, gaps of 2
    levels = cells(sheet, 48)
    assert levels[0].tolist() == [0, 3, 6, 9, 12] + [255] * 7
    assert levels[1].tolist() == [15 + 6 * number for number in range(12)]  # evenly spread over the class
    assert levels[2].tolist() == [87, 90, 93, 96, 99] + [255] * 7
    assert len(np.unique(sheet[:48, :48])) == 1  # enlarged by copying, not smoothed


def test_at_most_ten_classes_or_sixty_pictures(tmp_path):
    sheet = look(flat(tmp_path / "classes", [f"c{number}/{i}.png" for number in range(12) for i in range(2)])).picture()
    assert cells(sheet, 48)[:, :2].tolist() == [[6 * row, 6 * row + 3] for row in range(10)]
    sheet = look(flat(tmp_path / "loose", [f"{number}.png" for number in range(80)])).picture()
    levels = cells(sheet, 48)
    assert levels.shape == (5, 12)
    assert levels.max() < 255
    assert (np.diff(levels.reshape(-1).astype(int)) > 0).all()
    assert levels[-1, -1] >= 3 * 78


def test_the_sheet_shows_pictures_as_they_are_trained_on(tmp_path):
    pixels = drawn((64, 32), 1)
    for number in range(4):
        (tmp_path / f"{number}.png").write_bytes(png(pixels))
    fitting = Fitting((16, 16), "pad", 1)
    *_, (dataset, _) = read_path(tmp_path, fitting)
    sheet = look(tmp_path, fitting).picture()
    np.testing.assert_array_equal(sheet[:48:3, :48:3, 0], dataset.train.images[0, 0].numpy())
    assert (sheet[:, :, 0] == sheet[:, :, 2]).all()  # grey, as asked for


@pytest.mark.parametrize(
    ("size", "cell"), [((28, 28), (56, 56)), ((64, 48), (64, 48)), ((600, 300), (256, 128)), ((8, 200), (8, 200))]
)
def test_cell_sizes(tmp_path, size, cell):
    flat(tmp_path, [f"{number}.png" for number in range(4)], size)
    sheet = look(tmp_path).picture()
    assert sheet.shape == (cell[0], 12 * (cell[1] + 2) - 2, 3)


def test_pictures_of_several_sizes_are_shown_as_the_suggestion_would_make_them(tmp_path):
    flat(tmp_path, [f"{number}.png" for number in range(5)], (24, 24))
    wide = np.zeros((24, 48), np.uint8)
    wide[:, 8:40] = 200  # what a crop to 24 x 24 keeps
    (tmp_path / "wide.png").write_bytes(png(wide))
    found = look(tmp_path)
    assert "--size 24x24 --fit crop" in found.problem
    sheet = found.picture()
    assert sheet[:48, 250:298].min() == 200


def test_inspection_holds_no_more_than_the_sheet(tmp_path, monkeypatch):
    kept = []
    find = survey.Survey.add

    def spy(self, *args):
        find(self, *args)
        kept.append(sum(picture.pixels is not None for picture in self.pictures))

    monkeypatch.setattr(survey.Survey, "add", spy)
    look(flat(tmp_path, [f"{number}.png" for number in range(80)]))
    assert kept[-1] == 60


def test_arrays_are_inspected_too(tmp_path):
    np.savez(tmp_path / "x.npz", images=np.stack([drawn((12, 12), n) for n in range(30)]), labels=np.arange(30) % 3)
    found = look(tmp_path / "x.npz")
    assert found.problem is None
    assert found.findings.classes[2] == {"name": "2", "num_train": 9, "num_test": 1}
    assert found.picture().shape == (3 * 50 - 2, 12 * 50 - 2, 3)
    assert "x.npz (npz): 30 pictures, 1 file, 0 not read" in found.lines()[0]
