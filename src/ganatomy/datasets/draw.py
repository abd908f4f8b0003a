"""Which pictures are set aside: by one fixed permutation, of every class alike, pictures and their twins together.

Pictures that repeat each other are not independent. On both sides of a split they would make a generator that copies
look like one that does not, and a network that learnt its pictures by heart like one that knows their classes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from .duplicates import Twin

MIN_PER_SPLIT = 2
TEST_SHARE = 10
"""One picture in so many is for testing, where no folders say."""
MAX_TEST = 10_000


def families(num: int, twins: Sequence[Twin]) -> list[int]:
    """Return for each of `num` pictures the first picture that it repeats, over any number of steps, or itself."""
    first = list(range(num))
    for twin in twins:  # in order, and each with an earlier picture, so that one pass is enough
        first[twin.second] = first[twin.first]
    return first


def held_out(classes: Sequence[str | None], family: Sequence[int], order: Sequence[int]) -> list[int]:
    """Return the indices to test on: of each class its share, by largest remainders, but never its only picture.

    A family is taken whole or not at all. Where no choice of
    families leaves `MIN_PER_SPLIT` pictures on both sides, the draw is made as if there were none.
    """
    total = min(MAX_TEST, max(MIN_PER_SPLIT, len(order) // TEST_SHARE))
    sizes = Counter(classes[index] for index in order)  # in the order of the draw, which decides between equal classes
    ideal = {name: total * size / len(order) for name, size in sizes.items()}
    most = {name: size - 1 for name, size in sizes.items()}
    quota = {name: min(most[name], int(ideal[name])) for name in sizes}
    missing = min(total, sum(most.values())) - sum(quota.values())
    by_remainder = sorted(sizes, key=lambda name: (int(ideal[name]) - ideal[name], name or ""))
    while missing > 0:
        for name in by_remainder:
            if quota[name] < most[name] and missing > 0:
                quota[name] += 1
                missing -= 1
    if sum(quota.values()) < MIN_PER_SPLIT:  # hardly any class has two pictures
        classes, quota, most = [None] * len(classes), {None: total}, {None: total}
    members = _members(family, order)
    chosen = _whole(members, classes, quota, most)
    if len(chosen) < MIN_PER_SPLIT:
        chosen = _smallest(members, len(order))
    return chosen or _whole([[index] for index in order], classes, quota, most)


def _members(family: Sequence[int], order: Sequence[int]) -> list[list[int]]:
    """Return the families in the order in which the draw meets their first picture."""
    found: dict[int, list[int]] = {}
    for index in order:
        found.setdefault(family[index], []).append(index)
    return list(found.values())


def _whole(
    members: Sequence[list[int]], classes: Sequence[str | None], quota: dict[str | None, int],
    most: dict[str | None, int],
) -> list[int]:  # fmt: skip
    """Return the pictures of whole families, the first ones that fit into what is wanted of each class.

    Where that leaves a class short, a later family may take the place of pictures without twins, or exceed a share by
    as much as leaving it out would fall short; never by more than `most` of a class.
    """
    left, chosen, waiting = Counter(quota), [], []
    for group in members:
        if len(group) == 1:  # nearly all are, and a Counter for each would take seconds
            if left[classes[group[0]]] > 0:
                left[classes[group[0]]] -= 1
                chosen.append(group)
            continue
        sizes = Counter(classes[index] for index in group)
        if all(size <= left[name] for name, size in sizes.items()):
            chosen.append(group)
            left.subtract(sizes)
        else:
            waiting.append((group, sizes))
    for group, sizes in waiting:
        if not any(left[name] > 0 for name in sizes):
            continue
        over = {name: size - left[name] for name, size in sizes.items() if size > left[name]}
        single = {name: [g[0] for g in chosen if len(g) == 1 and classes[g[0]] == name] for name in over}
        if all(len(single[name]) >= num for name, num in over.items()):
            gone = {index for name, num in over.items() for index in single[name][-num:]}
            chosen = [g for g in chosen if g[0] not in gone] + [group]
            left.subtract(sizes)
            left.update(over)
        elif all(2 * left[name] >= size <= left[name] + most[name] - quota[name] for name, size in sizes.items()):
            chosen.append(group)
            left.subtract(sizes)
    return [index for group in chosen for index in group]


def _smallest(members: Sequence[list[int]], num: int) -> list[int]:
    """Return the fewest pictures of whole families that are enough to test on, empty where too few would be left."""
    chosen: list[int] = []
    for group in sorted(members, key=len):
        if len(chosen) >= MIN_PER_SPLIT:
            break
        chosen += group
    return chosen if MIN_PER_SPLIT <= len(chosen) <= num - MIN_PER_SPLIT else []


def parted(order: list[int], num_last: int, family: Sequence[int]) -> list[int]:
    """Return the order with its last `num_last` pictures such that families are not on both sides, as far as can be.

    An order that parts none already comes back as it is.
    """
    start = len(order) - num_last
    if not {family[index] for index in order[:start]} & {family[index] for index in order[start:]}:
        return order
    last: set[int] = set()
    for group in _members(family, order[::-1]):
        if len(last) + len(group) <= num_last:
            last.update(group)
    last.update([index for index in order[::-1] if index not in last][: num_last - len(last)])
    return [index for index in order if index not in last] + [index for index in order if index in last]


def num_across(train: Sequence[int], test: Sequence[int], family: Sequence[int]) -> int:
    """Return how many pictures to test on repeat one to train on, or are repeated by one."""
    trained = {family[index] for index in train}
    return sum(family[index] in trained for index in test)
