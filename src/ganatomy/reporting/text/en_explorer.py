"""English sentences of the explorer, the part of the page in which the generator itself runs."""

TEXT = {
    "explore.title": "Explore: move the latent numbers yourself",
    "explore.lead": "The generator itself runs in this page, offline. Choose one of {n} latents of the "
    "experiment, then a number, and move its value; the picture, what changed and its measures follow at once. "
    "Several numbers may be set at the same time; the address of the page holds what you set, so a link keeps it.",
    "explore.markdown": "The explorer, in which the generator runs and the reader moves the latent numbers, is in the "
    "HTML file of this report.",
    "explore.half": "So that all generators fit the page, their weights are rounded to 16 bits here: the level of a "
    "pixel may differ by 1 or 2 of 255 from the laboratory's.",
    "explore.left": "The generator of {run} is left out of the explorer: it would take {size} MB of the page, and "
    "{free} MB of the {budget} MB for generators are free.",
    "explore.note": "Here a single picture is measured; the sections before average over many latents. Numbers of a "
    "latent are draws from N(0, 1), so their values are in standard deviations (σ).",
    "explore.noscript": "The explorer needs JavaScript, which is switched off; everything else in this report works "
    "without it.",
    "explore.run": "Network",
    "explore.latents": "Latent",
    "explore.latent": "Latent {n}",
    "explore.base": "Base",
    "explore.edited": "Edited",
    "explore.difference": "Difference",
    "explore.colours": "red: brighter, blue: darker",
    "explore.exact": "Exact value",
    "explore.band": "99.7 % of draws",
    "explore.quick": "Values",
    "explore.own": "its own {value}",
    "explore.zero": "none",
    "explore.dim": "Number",
    "explore.chosen": "of the experiment",
    "explore.strongest": "strongest",
    "explore.weakest": "weakest",
    "explore.direction": "Direction",
    "explore.edits": "Set now",
    "explore.none": "nothing: the latent as it was drawn",
    "explore.reset": "Reset all",
    "explore.remove": "Set {name} back to its own value",
    "explore.visible": "of the pixels visibly changed",
    "explore.measures": "Measures of the base and of the edited picture",
    "explore.brightness": "Brightness",
    "explore.contrast": "Contrast",
    "explore.sharpness": "Sharpness, 1/px",
    "explore.bright_share": "Bright pixels",
    "explore.number": "{name} is {far} σ from 0.",
    "explore.above": "Length of the latent: {norm}, {far} σ above what {n} draws from N(0, 1) give ({mean} ± {sd}).",
    "explore.below": "Length of the latent: {norm}, {far} σ below what {n} draws from N(0, 1) give ({mean} ± {sd}).",
    "explore.averages": "{name} on average over {n} latents",
    "explore.value": "Set to",
    "explore.visible_share": "pixels changed",
    "explore.class_flip": "class changed",
    "explore.ignored": "Left out of the address, not possible here: {items}.",
    "explore.live": "{edits}. {visible} of the pixels visibly changed; brightness {brightness}, base {base}.",
}
