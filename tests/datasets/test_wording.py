from hypothesis import given, settings
from hypothesis import strategies as st

from ganatomy.datasets.wording import columns, printable, some, wrap


@settings(max_examples=100)
@given(st.text(max_size=60), st.integers(2, 20))
def test_any_text_is_made_printable_and_wrapped(text, width):
    safe = printable(text)
    assert not any(char in safe for char in "\n\r\x1b\x07\u202e\u2028\ud800")
    safe.encode("utf-8")
    lines = wrap(safe, width)
    assert all(columns(line) <= width for line in lines)
    assert "".join(lines).replace(" ", "") == safe.replace(" ", "")


def test_printable_leaves_people_s_names_alone():
    for name in ("Übung 图片 (1).png", "naïve — café.jpg", "👩‍💻.png", "Screenshot 3.04\u202fPM.png", "日本語"):
        assert printable(name) == name
    assert columns("图片 a") == 6
    assert some(["a", "b"]) == "a, b"
    assert some(["a", "b", "c", "d"]) == "a, b, c and 1 other"
    assert some(["a", "b", "c", "d"], 2) == "a, b and 2 others"
