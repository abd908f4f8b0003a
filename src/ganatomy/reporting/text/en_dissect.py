"""English: what all latent numbers do, which matter, what images become, and what lies outside the training's noise."""

TEXT = {
    "head.brief": "In short",
    "head.values": "What the values do",
    "head.numbers": "Which numbers matter",
    "head.groups": "Numbers switched off in groups",
    "head.becomes": "What becomes what",
    "head.beyond": "Outside the training's distribution",
    "head.own": "Edits of your own",
    "measure.logit": "D's logit",
    # in short
    "brief.q.values": "What {values} do",
    "brief.q.numbers": "Which numbers matter",
    "brief.q.becomes": "What images become",
    "brief.q.beyond": "Outside the training's noise",
    "brief.scale.training": "No scale of the whole latent comes closer to the real images than the training's, 1 "
    "(Fréchet distance {value}).",
    "brief.scale.close": "The whole latent is best scaled by {scale}, yet within two standard errors of the training's "
    "scale, 1 (Fréchet distance {value} against {ours}).",
    "brief.scale.other": "The whole latent scaled by {scale} comes closer to the real images than with the training's "
    "scale, 1 (Fréchet distance {value} against {ours}).",
    "brief.values": "Averaged over all {n} numbers, setting one to {values} visibly changes {shares} of the pixels",
    "brief.redrawn": "; redrawing it from N(0, 1) changes {control}",
    "brief.stop": ".",
    "brief.flips": "Of the images, {shares} change class.",
    "brief.idle.none": "Every one of the {n} numbers does something visible.",
    "brief.idle.all": "All {n} numbers are idle: nothing that they do can be seen.",
    "brief.idle.one": "One of the {n} numbers is idle: no value and no redraw of it visibly changes more than 0.1 % "
    "of the "
    "pixels.",
    "brief.idle.some": "{idle} of the {n} numbers are idle: no value and no redraw of them visibly changes more than "
    "0.1 % "
    "of the pixels.",
    "brief.tenth": "The strongest tenth ({tenth}) makes {share} of the total effect, where an even split would give "
    "{even}.",
    "brief.dimension": "A small step changes an image in effectively {ways} independent ways, of {z_dim} possible.",
    "brief.converge.one": "At {value} images converge to one class: {share} are {top}, {base} before.",
    "brief.converge.each": "At {value} images converge, but the number decides to which class: its most frequent one "
    "takes {own} of the images on average ({before} unedited), while over all numbers none takes more than {share} "
    "({top}).",
    "brief.converge.none": "At {value} images do not converge: a number's most frequent class takes {own} of the "
    "images "
    "on average ({before} unedited), and over all numbers none takes more than {share} ({top}).",
    "brief.precision.down": "Precision falls from {before} to {after} at {value}: fewer images are like real ones.",
    "brief.precision.up": "Precision rises from {before} to {after} at {value}: more images are like real ones, "
    "however "
    "much alike they are.",
    "brief.precision.same": "Precision stays where it is ({before} → {after} at {value}).",
    "brief.confidence.down": "The classifier's confidence falls from {before} to {after} at {value}.",
    "brief.confidence.up": "The classifier's confidence rises from {before} to {after} at {value}.",
    "brief.confidence.same": "The classifier's confidence stays where it is ({before} → {after} at {value}).",
    # effect curves
    "fig.curves": "{run}: what a value does, over all {n} numbers",
    "axis.value": "value set (evenly spaced)",
    "axis.percent": "{name} (%)",
    "curves.mean": "mean over the numbers",
    "curves.band": "central 80 % of the numbers",
    "curves.how": "Every panel is one measure, over the values that one number after the other is set to.",
    "curves.from": "Unedited → {low} / {high}: {items}.",
    "curves.item": "{name} {base} → {low} / {high}",
    "curves.sides.same": "The sign hardly matters on average: {left} of the pixels change visibly at {low}, {right} at "
    "{high}.",
    "curves.sides.differ": "The sign matters even on average: {left} of the pixels change visibly at {low}, {right} at "
    "{high}.",
    "curves.apart": "How much numbers differ: at {value} the central 80 % of them change {lo} to {hi} of the pixels.",
    # ranking
    "fig.ranking.ends": "{run}: the {strong} strongest and {weak} weakest of {n} numbers",
    "fig.ranking.whole": "{run}: all {n} numbers by their effect",
    "axis.ranking": "number, and the 95 % interval of its rank",
    "axis.strength": "Jacobian",
    "ranking.effect": "effect of the edits, 95 % interval",
    "ranking.jacobian": "strength in the Jacobian (levels per unit of z), 95 % interval",
    "ranking.how": "The effect of a number is its mean over all values set, measured as: {measure}. The Jacobian tells "
    "what a small step does instead.",
    "ranking.ends": "z[{dim_high}] acts most ({high}) and z[{dim_low}] least ({low}), a ratio of {ratio}.",
    "ranking.ends.zero": "z[{dim_high}] acts most ({high}); z[{dim_low}] does nothing at all ({low}).",
    "ranking.named": "What the strongest move most, per sigma in standard deviations of the attribute: {items}.",
    "ranking.named.item": "z[{dim}] {name} ({change})",
    "ranking.named.rest": "{rest} of the {n} numbers move no attribute by {limit} or more.",
    "ranking.named.none": "Not one of the {n} numbers moves an attribute by {limit} standard deviations per sigma or "
    "more.",
    "ranking.trust.certain": "That z[{dim}] comes first is certain over latents; the median number's rank is "
    "known to within {median} of {n} places.",
    "ranking.trust.open": "The rank of z[{dim}], which comes first, may lie anywhere from {first} to {last}; the "
    "median number's rank is known to within {median} of {n} places.",
    "ranking.agree.same": "Large edits and the Jacobian order the numbers almost alike: rank correlation (Spearman) "
    "{rho}.",
    "ranking.agree.close": "Large edits and the Jacobian order the numbers similarly: rank correlation (Spearman) "
    "{rho}.",
    "ranking.agree.loose": "Large edits and the Jacobian agree only loosely on the order: rank correlation (Spearman) "
    "{rho}.",
    "ranking.agree.apart": "Large edits and the Jacobian do not agree on the order: rank correlation (Spearman) {rho}. "
    "What acts in a small step is not what acts in a large one.",
    # heat maps
    "fig.heat": "{run}: where the {num} strongest numbers act",
    "heat.mean": "all",
    "heat.redrawn": "draw",
    "heat.how": "The mean size of every pixel's change over latents; one column per value, the last for the number "
    "redrawn; the first row is the mean over all numbers. Black: no change; lightest: {top} {levels}. Colours follow "
    "the "
    "square root, so that small changes show too.",
    "heat.share": "At {value} the strongest tenth of the pixels takes {mean} of the change averaged over all numbers, "
    "and {own} of that of z[{dim}] (an even spread would give {even}).",
    "heat.alike.same": "At {value} the maps of these numbers are almost the same (mean correlation {likeness}): they "
    "act "
    "at the same places.",
    "heat.alike.close": "At {value} the maps of these numbers resemble each other (mean correlation {likeness}): they "
    "mostly act at the same places.",
    "heat.alike.apart": "At {value} the maps of these numbers differ (mean correlation {likeness}): each acts at "
    "places "
    "of its own.",
    # spectrum
    "fig.spectrum": "{run}: in how many ways a small step moves the image",
    "axis.singular": "singular values, largest first",
    "axis.levels": "levels per unit of z (logarithmic)",
    "spectrum.mean": "mean over latents",
    "spectrum.band": "central 95 % of the latents",
    "spectrum.ways": "effective dimension: {n}",
    "spectrum.energy": "90 % of the energy: {n}",
    "spectrum.how": "The Jacobian J = dG/dz at {n} latents, {z_dim} columns; its singular values σ say how far a unit "
    "step "
    "along each independent direction would move the image.",
    "spectrum.found": "The effective dimension, the participation ratio (Σσ²)² / Σσ⁴, is {ways} (95 % interval {lo} to "
    "{hi}) of at most {size}.",
    "spectrum.num": "{num} directions ({lo} to {hi}) hold 90 % of the energy Σσ².",
    "spectrum.first": "The first direction of the mean spectrum alone holds {share} of its energy.",
    # groups
    "fig.groups": "{run}: numbers switched off in groups",
    "edited.rows": "images",
    "edited.difference": "change against the unedited images",
    "groups.strong": "strongest {n}",
    "groups.weak": "weakest {n}",
    "groups.any": "{n} numbers",
    "groups.how": "The numbers of a group, in the order of the ranking, are all set to 0; the rest stay as drawn. The "
    "control redraws the same numbers: what changes then is what hangs on them.",
    "groups.strong.does": "Switching the strongest {n} off visibly changes {off} of the pixels, redrawing them "
    "{redrawn}",
    "groups.weak.does": "The weakest {n} together: {off} switched off, {redrawn} redrawn",
    "groups.flip": " (class changed: {off} and {redrawn})",
    "groups.weigh.more": "So more of the picture hangs on the strongest {strong} than on the weakest {weak} together.",
    "groups.weigh.less": "So less of the picture hangs on the strongest {strong} than on the weakest {weak} together.",
    "groups.weigh.same": "So about as much of the picture hangs on the strongest {strong} as on the weakest {weak} "
    "together.",
    "groups.precision": "Precision, {base} unedited: {items}.",
    "groups.item": "{value} ({name} off)",
    "groups.table": "Groups switched off, beside the same numbers redrawn",
    "table.numbers": "Numbers",
    "table.edit": "edit",
    # classes
    "fig.moves": "{run}: which class becomes which at {values}",
    "axis.before": "before",
    "axis.after": "class after (%)",
    "moves.table": "set to {value}",
    "moves.all": "all images",
    "moves.how": "Every row is the images of one class before the edit, over all numbers; the columns say, in percent, "
    "which class they are afterwards. The last row is all images together; a row left blank had none.",
    "moves.cut": "Shown are the {shown} most frequent of {n} classes, so rows need not add up to 100.",
    "moves.kept": "At {value}, {kept} of the images keep their class.",
    "moves.gain": "{grown} grows most, from {g0} to {g1}; {lost} shrinks most, from {l0} to {l1}.",
    "moves.become.one": "For all {n} numbers that change any class, most of what changes becomes the same: {items}.",
    "moves.become.many": "What most changing images become depends on the number: {num} classes over {n} numbers, most "
    "often {items}.",
    "moves.source": "The source saw only trousers left at 20. Here, at {value}, {after} of the images are {name} "
    "({before} unedited).",
    "moves.become.item": "{name} ({n})",
    # scales and outside
    "fig.scales": "{run}: the whole latent scaled, fidelity against diversity",
    "axis.scale": "scale of all numbers (1: as in training)",
    "scales.and": " and ",
    "scales.name.precision": "precision",
    "scales.name.recall": "recall",
    "scales.name.diversity": "feature diversity",
    "scales.name.confidence": "confidence",
    "scales.name.frechet": "Fréchet distance (logarithmic)",
    "scales.how": "All numbers of a latent times one factor. Precision: how many images are like real ones; recall: "
    "how "
    "much of the variety of real images is reached. At 0 there is one image only.",
    "scales.best.precision": "Among scales above 0, precision is highest at {scale} ({value}).",
    "scales.best.recall": "Recall is highest at {scale} ({value}).",
    "scales.best.frechet": "The Fréchet distance is lowest at {scale} ({value}).",
    "scales.training": "That is the scale of the training.",
    "scales.other": "The scale of the training, 1, is not the best.",
    "scales.close": "The training's scale, 1, is within two standard errors of it.",
    "outside.title": "How far an edit of one number lies outside N(0, I)",
    "outside.column": "Edit",
    "outside.sigmas": "|v| in σ of one number",
    "outside.beyond": "Probability of a larger |z|",
    "outside.norm": "Norm: σ outside",
    "outside.none": "unedited",
    "outside.edit": "one number = {value}",
    "outside.reading": "One number of N(0, 1) exceeds {value} in size with probability {beyond}. The norm of a latent "
    "sums over {z_dim} numbers: it is about √{z_dim} ≈ {norm}, with a standard deviation of about 0.7. One number set "
    "to "
    "{value} adds {more} to the squared norm on average, so the norm goes to {edited}, {far} standard deviations out.",
    "outside.reading.near": "By the norm the edited latent still looks usual, by its one number it does not.",
    "outside.reading.far": "So it lies outside by both counts.",
    "outside.last": "At {value} the norm is {edited}, {far} standard deviations out.",
    "prior.best.level": "The lowest distance, {value}, is that of {name}, but within two standard errors of that of "
    "the "
    "training distribution.",
    "prior.uniform_x_0_5": "uniform × 0.5",
    "prior.uniform_x_2": "uniform × 2",
    "prior.laplace_x_0_5": "Laplace × 0.5",
    "prior.laplace_x_2": "Laplace × 2",
    "prior.fixed_norm": "on the sphere of radius √d",
    "prior.fixed_norm_x_0_5": "on the sphere, × 0.5",
    "prior.fixed_norm_x_2": "on the sphere, × 2",
    "prior.one_hot": "one number ±√d, the rest 0",
    "prior.one_hot_x_0_5": "one number ±√d, × 0.5",
    "prior.one_hot_x_2": "one number ±√d, × 2",
    "prior.further.lower": "Of the {n} further noises, {name} comes closer than all of these: {value}.",
    "prior.further.none": "The {n} further noises come no closer; the best of them is {name} with {value}.",
    # own edits
    "fig.own": "{run}: edits of your own ({n})",
    "own.how": "One row per edit, below the unedited images; one column per latent.",
    "own.most": "{edit} changes most: {share} of the pixels.",
    "own.table": "Edits of your own, beside the same numbers redrawn",
    "own.note": "Small: half of the 95 % interval over {n} latents. Control: all numbers of the edit redrawn from "
    "N(0, 1).",
    # side by side
    "beside.title": "Dissection side by side",
    "beside.lead": "The same questions to every dissected run. Effects are means over all of its latent numbers.",
    "beside.table": "How the latent numbers of the runs differ",
    "beside.column": "Question",
    "beside.note": "Small: 95 % interval, before → after, share or Fréchet distance.",
    "beside.level": ", level with N(0, I)",
    "beside.idle": "Idle numbers",
    "beside.tenth": "Share of the effect of the strongest tenth",
    "beside.dimension": "Effective dimension",
    "beside.num_90": "Directions with 90 % of the energy",
    "beside.visible": "Pixels visibly changed at {value}",
    "beside.flip": "Images that change class at {value}",
    "beside.top": "Most frequent class at {value}, over all numbers",
    "beside.own": "Share of a number's most frequent class at {value}",
    "beside.precision": "Precision at {value}, change",
    "beside.confidence": "Confidence at {value}, change",
    "beside.logit": "D's logit at {value}, change",
    "beside.scale": "Best scale of the latent (Fréchet distance)",
    "beside.noise": "Best noise (Fréchet distance)",
}
