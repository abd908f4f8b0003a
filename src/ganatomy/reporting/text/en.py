"""English."""

from __future__ import annotations

from . import (
    en_claims,
    en_data,
    en_dissect,
    en_explorer,
    en_health,
    en_left_out,
    en_memory,
    en_parts,
    en_provenance,
    en_scores,
    en_versus,
)

TEXT: dict[str, str] = {
    "list.comma": ", ",
    "list.and": " and ",
    "list.semi": "; ",
    "join.sentences": " ",
    "time.s": "{s} s",
    "time.min": "{m} min {s} s",
    "time.h": "{h} h {m} min",
    # page
    "page.title": "What the generator learned: a GAN lab report on {data}",
    "page.kicker": "GAN lab report",
    "page.contents": "Contents",
    "page.figure": "Figure {n}",
    "page.author": "by {name}",
    "page.seed": "seed {seed}",
    "page.budget": "budget {name}",
    "page.made": "Made by ganatomy {version} from the files of its folder.",
    "page.scroll": "to the top",
    # headline
    "answer.far": "Trained on {data}, the {best} ends {ratio} times closer to the real images than the {worst}: "
    "a Fréchet distance of {value} against {other}.",
    "answer.better": "Trained on {data}, the {best} ends closer to the real images than the {worst}, but not by far: "
    "a Fréchet distance of {value} against {other}.",
    "answer.level": "Trained on {data}, {best} and {worst} end about equally close to the real images: "
    "a Fréchet distance of {value} against {other}.",
    "answer.one": "Trained on {data}, the {run} ends at a Fréchet distance of {value} to the real test images.",
    "answer.unscored": "{runs}: trained on {data}, a data set without a feature network, so losses and pictures speak.",
    "answer.unmeasured": "{runs}: trained on {data} and not measured yet, so losses and pictures speak.",
    "board.score": "Fréchet distance to the test images",
    "board.score.note": "{name}; lower is better.",
    "board.score.floor": "Two sets of real images are {floor} apart.",
    "board.classes": "Classes covered",
    "board.classes.note": "with at least {limit} of the samples",
    "board.confidence": "Median confidence",
    "board.confidence.note": "of the classifier in its own answer",
    "board.images": "Training images shown",
    "board.images.note": "repeats included",
    "board.time": "Training time",
    "board.time.note": "wall clock",
    "tally": "The source makes {claims} claims. Tested run by run: holds {holds}, fails {fails}, undecided "
    "{undecided}.",
    # setup
    "setup.title": "What was trained",
    "setup.lead": "Which networks were trained, and how. Every run saw the images in an order of its own seed.",
    "setup.table": "Settings",
    "setup.column": "Setting",
    "setup.model": "Networks",
    "setup.model.mlp": "fully connected, one hidden layer of 128",
    "setup.model.dcgan": "convolutional (DCGAN)",
    "setup.optimizer": "Optimizer of G and D",
    "setup.sgd": "SGD, learning rate {lr}",
    "setup.adam": "Adam, learning rate {lr}, betas {beta1} and {beta2}",
    "setup.rates": "{g} (G) and {d} (D)",
    "setup.batch": "Batch size",
    "setup.images": "Images shown to D",
    "setup.images.value": "{n} ({epochs} epochs)",
    "setup.z": "Latent",
    "setup.z.value": "{n} numbers, z ~ N(0, I)",
    "setup.init": "Initial weights",
    "setup.init.default": "PyTorch's default",
    "setup.init.normal": "N(0, 0.02), batch-norm scales N(1, 0.02)",
    "setup.ema": "Averaged generator",
    "setup.ema.value": "half-life {n} images",
    "setup.step": "Training step",
    "setup.step.fast": "fast form, products in {precision}, weights in float32",
    "setup.step.reference": "reference, {precision}",
    "setup.seed": "Seed",
    "setup.assumption": "The source report does not print the training settings of its GAN. These are the ones of "
    "the "
    "public course notebook that its networks come from: binary cross-entropy with the non-saturating generator "
    "loss, "
    "SGD 0.03, batch 64, 3 epochs.",
    # training
    "training.title": "{run}: training",
    "training.lead.mlp": "Two fully connected networks play against each other: {run}'s generator turns {z_dim} random "
    "numbers into a picture, its discriminator says how real a picture looks.",
    "training.lead.dcgan": "{run} replaces full connections by convolutions, so that neighbouring pixels share "
    "weights and a shape is treated alike wherever it lies.",
    "axis.nimg": "training images shown (thousands)",
    "axis.loss": "loss",
    "axis.share": "share of the samples (%)",
    "axis.score": "Fréchet distance (logarithmic)",
    "axis.rank": "latent numbers, weakest to strongest",
    "axis.visible": "visibly changed pixels (%)",
    "legend.G": "generator G",
    "legend.D": "discriminator D (real + fake)",
    "legend.equilibrium": "loss when D cannot tell real from fake",
    "legend.real": "share among real images",
    "legend.even": "even share",
    "legend.floor": "real against real: {floor}",
    "legend.value": "number set to {value}",
    "legend.control": "control: number redrawn from N(0, 1)",
    "fig.loss.G": "Generator loss of the {run}",
    "fig.loss.D": "Discriminator loss of the {run}",
    "fig.loss.both": "Both losses of the {run}",
    "loss.who.G": "G's loss",
    "loss.who.D": "D's loss",
    "loss.rises": "{who} rises from {first} (mean of the first fifth) to {last} (last fifth).",
    "loss.falls": "{who} falls from {first} (mean of the first fifth) to {last} (last fifth).",
    "loss.stays": "{who} stays where it is: {first} on average in the first fifth, {last} in the last.",
    "loss.settled": "Over the last fifth it drifts by {drift} ({slope} per 10,000 images), at most twice its "
    "scatter of "
    "{scatter}: it has settled.",
    "loss.drifts": "Over the last fifth it still drifts by {drift} ({slope} per 10,000 images), more than twice its "
    "scatter of {scatter}: it has not settled.",
    "loss.above.G": "That is {gap} above ln 2 ≈ {level}, G's loss against a D that cannot tell: D still wins.",
    "loss.near.G": "That is within its scatter of ln 2 ≈ {level}, G's loss against a D that cannot tell.",
    "loss.below.G": "That is {gap} below ln 2 ≈ {level}, G's loss against a D that cannot tell: D is being fooled.",
    "loss.above.D": "That is {gap} above 2 ln 2 ≈ {level}, the loss of a D that only guesses: D is wrong and sure "
    "of it.",
    "loss.near.D": "That is within its scatter of 2 ln 2 ≈ {level}, the loss of a D that only guesses.",
    "loss.below.D": "That is {gap} below 2 ln 2 ≈ {level}, the loss of a D that only guesses: D still tells them "
    "apart.",
    "loss.short": "Too few records were written to read a trend from this curve.",
    "healthy.both": "This is the source's picture of a healthy run: G's loss falls while D's rises.",
    "healthy.half": "Only one of the two losses goes the way the source expects of a healthy run (G's down, D's up).",
    "healthy.opposite": "Neither loss goes the way the source expects of a healthy run (G's down, D's up).",
    "healthy.settled": "Both have settled by the end.",
    "healthy.moving": "They have not both settled: training could go on.",
    "scores.apart": "Over the last fifth D gives real images a mean score of {real} and generated ones {fake}, "
    "where 0.5 would mean undecided.",
    "scores.close": "Over the last fifth D can hardly tell: its mean score is {real} for real images and {fake} for "
    "generated ones.",
    "gap.shrinks": "The losses approach each other: the gap between their means shrinks from {before} to {after}.",
    "gap.grows": "The losses move apart: the gap between their means grows from {before} to {after}.",
    "gap.stays": "The gap between the two means stays about the same: {before} at first, {after} at the end.",
    "fig.middle": "{run} in mid-training, after {nimg} images",
    "middle.when": "The 64 fixed latents after {nimg} of {total} images ({epochs} epochs).",
    "middle.scores": "At this moment D's mean score is {fake} for generated and {real} for real images.",
    "middle.change": "Since the start of training a pixel has changed by {before} {unit} on average; until the end "
    "it will change by {after} more, so the larger part of the way lies behind.",
    "middle.more": "Since the start of training a pixel has changed by {before} {unit} on average; until the end "
    "it will change by {after} more, so the larger part of the way lies ahead.",
    "fig.final": "{run} at the end of training",
    "final.when": "The same 64 fixed latents at the end, after {nimg} images ({epochs} epochs).",
    "classes.all": "Among {n} fresh samples the classifier finds every one of the {num} classes with at least "
    "{limit}; "
    "the most frequent is {top} with {share}, where an even draw would give {even}.",
    "classes.some": "Among {n} fresh samples the most frequent class is {top} with {share}, where an even draw would "
    "give {even}; {covered} of {num} classes reach {limit}. Short of it: {rare}.",
    "classes.confidence": "The classifier's median confidence is {median}.",
    # latent experiment
    "latent.title": "{run}: what the latent numbers do",
    "latent.lead": "A latent has {z_dim} numbers. Here the numbers {dims} are set to {values} in turn while the rest "
    "stay as drawn. Every effect is compared with a control: the same number redrawn from N(0, 1) on the same "
    "latents.",
    "latent.measured.title": "{run}: the latent numbers, measured",
    "latent.measured.lead": "The same edits on one page, where they change the picture, and what they do over many "
    "latents and over all numbers.",
    "latent.range": ", from {low} (z[{dim_low}]) to {high} (z[{dim_high}])",
    "latent.visible": "Setting one number to {value} visibly changes {mean} of the pixels on average{range}.",
    "latent.control.less": "Redrawing the same numbers changes {control}, so the edit does less than an ordinary draw.",
    "latent.control.same": "Redrawing the same numbers changes {control}, so the edit does no more than an ordinary "
    "draw.",
    "latent.control.more": "Redrawing the same numbers changes {control}; the edit does {ratio} times as much.",
    "look.sharpness.up": "Images get sharper ({before} → {after}).",
    "look.sharpness.down": "Images get softer: sharpness falls from {before} to {after}.",
    "look.sharpness.same": "Sharpness stays at {after}.",
    "look.noise_share.up": "Fine-grained noise grows from {before} to {after} of the power.",
    "look.noise_share.down": "Fine-grained noise shrinks from {before} to {after} of the power.",
    "look.noise_share.same": "The share of fine-grained noise stays at {after}.",
    "look.bright_share.up": "Saturated white grows from {before} to {after} of the pixels.",
    "look.bright_share.down": "Saturated white shrinks from {before} to {after} of the pixels.",
    "look.bright_share.same": "Saturated white stays at {after} of the pixels.",
    "class.flip": "{mean} of the images change class{range}.",
    "class.confidence.up": "The classifier's mean confidence rises from {before} to {after}.",
    "class.confidence.down": "The classifier's mean confidence falls from {before} to {after}.",
    "class.confidence.same": "The classifier stays as sure as before ({before} → {after}).",
    "class.class_entropy.up": "Class entropy rises from {before} to {after} nats: results become more varied.",
    "class.class_entropy.down": "Class entropy falls from {before} to {after} nats: results converge.",
    "class.class_entropy.same": "Class entropy hardly moves ({before} → {after} nats): the variety remains.",
    "class.top.item": "{name} (z[{dims}])",
    "class.top.one": "Whatever the number, the most frequent class is {items}.",
    "class.top.many": "Which class dominates depends on the number: {items}.",
    "base.drawn": "{codes} latents of {z_dim} numbers, drawn from N(0, I) with seed {seed}; the columns of all grids "
    "that follow.",
    "base.measures": "Over {n} latents the unedited images have {items}.",
    "fig.base": "{n} images of the {run} from {n} latents",
    "fig.value": "{run}, {n} latent numbers set to {value}, one per row",
    "fig.combined": "{run}: all edits on one page, {rows} rows of {columns}",
    "fig.difference": "{run}: where each edit changes the picture",
    "fig.difference.one": "set to {value}",
    "combined.order": "The rows run through the values, and within each value through the numbers; the columns are "
    "the "
    "same latents throughout.",
    "combined.item": "{share} at {value}",
    "combined.shares": "From block to block the mean share of visibly changed pixels is {items}.",
    "difference.how": "Light grey: unchanged; red: brighter than the unedited image; blue: darker. One row per "
    "number, "
    "one column per latent.",
    "difference.ends": "At {value}, z[{dim_high}] changes most ({high} of the pixels) and z[{dim_low}] least ({low}).",
    "table.measures": "The chosen numbers, measured over {n} latents",
    "table.measures.note": "Small: half of the 95 % interval over {n} latents. Control: the number redrawn from "
    "N(0, 1).",
    "table.number": "Number",
    "table.value": "Set to",
    "table.base": "unedited",
    "table.control": "control",
    "fig.atlas": "{run}: the effect of all {n} latent numbers",
    "atlas.how": "Every one of the {n} numbers, sorted by its effect over {latents} latents; dots mark the chosen "
    "ones.",
    "atlas.value": "At {value} the median number changes {median} of the pixels, z[{dim_low}] least with {low}, "
    "z[{dim_high}] most with {high}.",
    "atlas.few": "The strongest {tenth} numbers make {share} of the total change at {value} (an even split would "
    "give "
    "{even}): a few numbers do much of the work.",
    "atlas.even": "The strongest {tenth} numbers make {share} of the total change at {value} (an even split would "
    "give "
    "{even}): the work is spread over all numbers.",
    "prior.title": "Other noise than the training's",
    "prior.column": "Latents drawn from",
    "prior.value": "Fréchet distance",
    "prior.difference": "Against N(0, I)",
    "prior.note": "{n} images per distribution, from paired draws; small: standard error.",
    "prior.best.normal": "The training distribution gives the lowest distance, {value}: the best noise is the one "
    "used "
    "in training.",
    "prior.best.other": "The lowest distance, {value}, does not belong to the training distribution but to {name}.",
    "prior.kernel": "Kernel distance",
    "prior.kernel.same": "The kernel distance is lowest for the same.",
    "prior.kernel.other": "The kernel distance is lowest for {name}.",
    "prior.small": "Images of 0.1 z against the test images, {n} of each noise: {items}.",
    "prior.diversity": "Latents scaled to a tenth keep {ratio} of the variety (mean feature distance of pairs).",
    # compare
    "compare.title.many": "Side by side",
    "compare.title.one": "Over time and in numbers",
    "compare.lead.many": "The same latents, the same axes, the same measures for all runs.",
    "compare.lead.one": "How the pictures came about, which classes they show and how far they are from real ones.",
    "fig.paired": "{first} and {second} from the same latents",
    "paired.how": "In every pair of rows the upper one is {first}, the lower one {second}; each column of a pair "
    "is the "
    "same latent. The networks share the numbers, not their meaning.",
    "paired.change": "Two such pictures differ by {apart} {unit} per pixel on average.",
    "fig.losses": "Losses of {runs} on the same axes",
    "losses.how": "The plots share their axes.",
    "losses.run": "{run} ends with G at {g} and D at {d} (means of the last fifth), {gap} apart.",
    "fig.strip": "{run}: eight latents from the first image to the last",
    "strip.how": "The same eight latents, after {times} training images.",
    "strip.change": "From row to row the whole grid of 64 changes by {steps} {unit} per pixel; most happens between "
    "{a} and {b} images.",
    "fig.classes": "Classes drawn by {runs}",
    "classes.how": "The upright line is the share of each class among the real test images; an even share would be "
    "{even}.",
    "classes.how.even": "The upright line is an even share, {even}.",
    "classes.cut": "Shown are the {shown} of {n} classes whose share is furthest from that line.",
    "classes.run.all": "{run} draws {top} most often ({share}) and {low} least ({least}); {distance} of its samples "
    "would have to change class to match the line.",
    "classes.run.rare": "{run} draws {top} most often ({share}); below {limit}: {rare}. {distance} of its samples "
    "would have to change class to match the line.",
    "classes.missing": "Counted as missing (below {limit}): {names}.",
    "fig.score": "{name} of every run, with its floor",
    "score.protocol": "{name}: Fréchet distance between {num_gen} generated and {num_real} real test images, "
    "measured by {network}. It is not an FID and compares only with itself.",
    "score.run.sets": "{run}: {value} ± {spread} (mean and standard deviation of {sets} independent sample sets).",
    "score.run.jackknife": "{run}: {value} ± {spread} (one sample set, with its jackknife standard error).",
    "score.run.one": "{run}: {value} (one sample set, so no spread).",
    "score.floor": "The floor is {floor}, the distance of {n} other real images to the same test images: {times}.",
    "score.times": "{run} is at {ratio} times it",
    "score.below": "{run} is below it, at {ratio} of it",
    "score.ratio": "{loser} is {ratio} times as far from the real images as {winner}.",
    # networks and reproduction
    "networks.title": "The networks, layer by layer",
    "networks.lead": "Built from the stored configuration. Shapes are channels × height × width; the last column "
    "shows "
    "how a convolution's output size, or a linear layer's parameter count, comes about.",
    "networks.generator": "Generator, {n} parameters",
    "networks.discriminator": "Discriminator, {n} parameters",
    "networks.layer": "Layer",
    "networks.output": "Output",
    "networks.parameters": "Parameters",
    "networks.arithmetic": "Arithmetic",
    "repro.title": "How to get this report again",
    "repro.lead": "Everything random here is a function of the seed and the image number.",
    "repro.command": "Command",
    "repro.seed": "Seed",
    "repro.data": "Data",
    "repro.hash": "Data SHA-256",
    "repro.features": "Feature network",
    "repro.version": "Version",
    "repro.python": "Packages",
    "repro.machine": "Machine",
    "repro.device": "Device",
    "repro.cores": "{n} cores",
    "repro.threads": "{n} threads",
    "repro.time.train": "Time to train {run}",
    "repro.time.measure": "Time to measure {run}",
    "repro.time.dissect": "Time to dissect {run}",
    "repro.total": "Time in all",
    "repro.limits": "The same seed, versions, hardware and number of threads give the same numbers. Another "
    "processor or "
    "another number of threads may change the last digits, and over a whole training more than these.",
    **en_claims.TEXT,
    **en_data.TEXT,
    **en_dissect.TEXT,
    **en_explorer.TEXT,
    **en_health.TEXT,
    **en_left_out.TEXT,
    **en_memory.TEXT,
    **en_parts.TEXT,
    **en_provenance.TEXT,
    **en_scores.TEXT,
    **en_versus.TEXT,
}
