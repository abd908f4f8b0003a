"""Stages stop between records when asked to, and never after their result."""

import pytest

from ganatomy.errors import Interrupted
from ganatomy.laboratory.stages import stoppable
from ganatomy.progress import Progress


def work():
    yield Progress(1, 2)
    yield Progress(2, 2)
    yield {"scores": {}}


def test_a_request_to_stop_ends_a_stage_between_two_records():
    assert list(stoppable(work(), lambda: False)) == list(work())
    seen: list[object] = []

    def follow() -> None:
        for record in stoppable(work(), lambda: True):
            seen.append(record)

    with pytest.raises(Interrupted, match="finished before it is kept"):
        follow()
    assert seen == [Progress(1, 2)]


def test_a_result_is_kept_even_if_the_request_comes_late():
    asked = iter([False, False])
    assert list(stoppable(work(), lambda: next(asked)))[-1] == {"scores": {}}
