"""English sentences of a comparison."""

TEXT = {
    "versus.page": "{groups}: which is better? Trained on {data}",
    "versus.training": "{group}, seed {seed}",
    "versus.title": "Which is better",
    "versus.lead": "Runs that differ in their seed only are trainings of one group, and a training is the unit: "
    "however many images are drawn from one network, they say nothing about training again. Welch's t test decides "
    "at 5 %, two-sided{log}. The permutation test, which needs no normal distribution, stands beside it.",
    "versus.lead.log": ", on logarithms of the distances, since trainings differ by factors",
    "versus.answer.better": "{best} is better than {worst} on {data}: {sizes} its {score} is {share} lower (95 % "
    "interval {lo} to {hi}; {p}).",
    "versus.answer.plain": "{best} is better than {worst} on {data}: {sizes} its {score} differs by {value} (95 % "
    "interval {lo} to {hi}; {p}).",
    "versus.answer.chance": "Whether {a} or {b} is better on {data} is not decided: {sizes} the {score} of {b} is "
    "{ratio} times that of {a}, but the 95 % interval, {lo} to {hi}, holds 1 ({p}).",
    "versus.answer.chance.plain": "Whether {a} or {b} is better on {data} is not decided: {sizes} the {score} of {b} "
    "differs by {ratio} from that of {a}, but the 95 % interval, {lo} to {hi}, holds 0 ({p}).",
    "versus.answer.few": "Whether {a} or {b} is better on {data} is not decided: with {n} against {m} there is no "
    "telling, for one training says nothing about training again. At least 2 of each are needed, better 3 or more.",
    "versus.answer.flat": "Whether {a} or {b} is better on {data} is not decided: within each group all scores are "
    "equal, so there is no spread to test against.",
    "versus.answer.many": "Of {pairs} pairs of groups trained on {data}, {decided} are decided by their {score}: "
    "{list}.",
    "versus.answer.none": "None of the {pairs} pairs of groups trained on {data} is decided by its {score}.",
    "versus.pair.better": "{best} is better than {worst}",
    "versus.undecided": "Not decided: {list}.",
    "versus.pair": "{a} and {b}",
    "versus.against": "{a} → {b}",
    "versus.p": "Welch's p = {p}",
    "versus.p.small": "Welch's p < 0.0001",
    "versus.board.mean.log": "geometric mean over the trainings",
    "versus.board.mean.plain": "mean over the trainings",
    "versus.board.range": "Lowest to highest training",
    "versus.board.num": "Trainings",
    "versus.range": "{lo} to {hi}",
    "versus.pairs": "Pairs of groups by {name}; {better} is better",
    "versus.lower": "lower",
    "versus.higher": "higher",
    "versus.head.pair": "A → B",
    "versus.head.num": "Trainings",
    "versus.head.ratio": "B / A",
    "versus.head.difference": "B − A",
    "versus.head.welch": "Welch p",
    "versus.head.permutation": "Permutation p",
    "versus.head.g": "Hedges' g",
    "versus.head.verdict": "Verdict",
    "versus.interval": "{lo} to {hi}",
    "versus.winner": "{name} is better",
    "versus.open": "not decided",
    "versus.reason.few": "too few trainings",
    "versus.reason.flat": "no spread",
    "versus.reason.chance": "may be chance",
    "versus.note.read": "Small print under a number: its 95 % interval, from Welch's test. Hedges' g: the difference "
    "of B and A in standard deviations over trainings.",
    "versus.note.few": "With fewer than 2 trainings on a side nothing is decided, whatever the numbers say.",
    "versus.note.flat": "{pair}: all scores within each group are equal; different seeds hardly ever give that, so "
    "look whether the trainings are independent.",
    "versus.note.flat_a": "{pair}: the scores of {a} are all equal, so the test rests on the spread of {b} alone.",
    "versus.note.flat_b": "{pair}: the scores of {b} are all equal, so the test rests on the spread of {a} alone.",
    "versus.note.two": "2 trainings on a side are the least that can be tested; a statement about a recipe needs 3 "
    "or more.",
    "versus.note.smallest": "With {n} against {m} trainings the permutation p cannot be below {smallest}, however "
    "large the difference.",
    "versus.note.sampled": "Permutation p from {splits} random splits where there are more than that.",
    "versus.note.pairs": "Each of the {pairs} pairs is decided at 5 % on its own: if no two groups differed, about "
    "{wrong} of them would still be called decided.",
    "versus.note.holm": "The verdicts on the {pairs} pairs hold together: p is corrected by Holm's method, so that if "
    "no two groups differed, any of them would be called decided in at most 5 % of cases. Intervals and the other p "
    "are of each pair alone.",
    "versus.note.guarded": "{pair}: with {n} against {m} trainings Welch's test would decide too often where the "
    "spreads differ, so it counts the degrees of freedom of the smaller group.",
    "versus.together": "The verdicts hold together: they are corrected for the number of pairs (Holm).",
    "versus.reason.many": "may be chance among so many",
    "versus.head.holm": "Holm p",
    "versus.scores.left_out": "{score} is not compared, for it was not measured of {runs}.",
    "versus.scores.note.holm": "The scores beside the one that decides: distances by their ratio, shares by their "
    "difference. Their verdicts hold together over all pairs and all of these scores (Holm); p and intervals are of "
    "each alone. A and B are the groups in the order of the table above.",
    "versus.fig.dots": "{score} of every training",
    "versus.dots.how": "Every dot is a training, the line the group's {mean}, which is written at the right.",
    "versus.dots.how.one": "Every dot is a training; its score is written at the right.",
    "versus.mean.log": "geometric mean",
    "versus.mean.plain": "mean",
    "versus.dots.many": "{group}: {lo} to {hi} over {n} trainings.",
    "versus.dots.one": "{group}: a single training; the bar is ± {spread}, the noise of its samples, not of training.",
    "versus.dots.alone": "{group}: a single training.",
    "versus.dots.floor": "Two sets of real images score {floor}.",
    "versus.axis.log": "{score} (log scale)",
    "versus.groups": "Every training",
    "versus.groups.head": "Group",
    "versus.groups.seed": "Seeds",
    "versus.groups.sd": "Sd of trainings",
    "versus.groups.each": "Each training",
    "versus.groups.note": "{name} of each training, in the order of the seeds; ± over the sample sets of one training.",
    "versus.scores": "The other scores",
    "versus.scores.note": "Each score is tested on its own, beside the one that decides: distances by their ratio, "
    "shares by their difference. A and B are the groups in the order of the table above.",
    "versus.config": "Settings in which the groups differ",
    "versus.config.head": "Setting",
    "versus.config.note": "The same in all groups: {list}.",
    "versus.left_out": "Left out, for they are not finished: {list}.",
    "versus.made": "Made by `{command}`.",
    "versus.unset": "unset",
    "versus.sizes.same": "over {n} trainings each",
    "versus.sizes": "over {n} and {m} trainings",
    "versus.groups.mean.log": "Geometric mean",
    "versus.groups.mean.plain": "Mean",
    "versus.head.effect": "B / A or B − A",
}
