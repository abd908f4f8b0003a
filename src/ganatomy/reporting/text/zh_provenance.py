"""Chinese sentences on which snapshot the numbers are of, and on what changed since a lab or a comparison."""

TEXT = {
    "stale.measure.older": "{run} 的评分测自 {nimg} 张图像时的快照，而其最新快照为 {newest} 张图像时所存。"
    "用 `ganatomy measure` 可评测最新快照。",
    "stale.measure.other": "{run} 的评分测自另一个同为 {nimg} 张图像时的快照，并非目录中现有的那一个。"
    "用 `ganatomy measure` 可评测现有快照。",
    "stale.dissect.older": "{run} 的潜变量剖析取自 {nimg} 张图像时的快照，而其最新快照为 {newest} 张图像时所存。"
    "用 `ganatomy dissect` 可剖析最新快照。",
    "stale.dissect.other": "{run} 的潜变量剖析取自另一个同为 {nimg} 张图像时的快照，并非目录中现有的那一个。"
    "用 `ganatomy dissect` 可剖析现有快照。",
    "stale.health": "{run} 的健康诊断作于 {nimg} 张图像时，训练现已到 {newest} 张。用 `ganatomy doctor` 可重新诊断。",
    "changed.measure": "{run} 在本次实验之后又重新评测过（随机种子 {seed}）：本页显示其目录中的新数值，"
    "lab.json 与各项论断仍是实验当时的结果。以原选项再次运行 lab，会照原样评测并重写两者。",
    "changed.dissect": "{run} 在本次实验之后又重新剖析过：本页显示其目录中的现有内容，"
    "lab.json 与各项论断仍是实验当时的结果。以原选项再次运行 lab，会照原样剖析并重写两者。",
    "changed.compared": "{run} 在本次比较之后又重新评测过，而结论依据的是先前的评分。"
    "用 `ganatomy compare` 可重新判定。",
    "nearest.other": "{run} 最相近图像对的图片出自另一次评测，故未列出；用 `ganatomy measure` 可重新生成。",
}
