"""English: directions in latent space, paths between latents, real images found in it."""

TEXT = {
    "parts.title": "{run}: {parts}",
    "parts.directions": "directions",
    "parts.paths": "paths",
    "parts.inversion": "real images",
    "parts.directions.head": "Directions: what many numbers do together",
    "parts.paths.head": "Paths: what lies between two latents",
    "parts.inversion.head": "Real images: how much the generator can show",
    "parts.span": "{lo} to {hi}",
    # names
    "trait.brightness": "brightness",
    "trait.contrast": "contrast",
    "trait.sharpness": "sharpness",
    "trait.width": "width",
    "trait.height": "height",
    "trait.position_x": "horizontal position",
    "trait.position_y": "vertical position",
    "trait.short.position_x": "x position",
    "trait.short.position_y": "y position",
    "trait.factor": "{name} factor",
    "factor.width": "width",
    "factor.length": "length",
    "factor.sleeve": "sleeve",
    "factor.neckline": "neckline",
    "factor.flare": "flare",
    "factor.heel": "heel",
    "factor.brightness": "brightness",
    "factor.texture": "texture",
    "factor.tilt": "tilt",
    "direction.svd": "SVD {n}",
    "direction.pca": "PC {n}",
    "direction.moves": "{name}: {trait}",
    # directions, answer
    "dir.item": "{name} {trait} ({change})",
    "dir.both": "{name}: {traits}",
    "dir.strong.svd": "The strongest directions of the first layer's weights move, in standard deviations per σ of "
    "latent, most: {items}",
    "dir.strong.pca": "The strongest principal components of the first layer's activations move, in standard "
    "deviations per σ of latent, most: {items}",
    "dir.none.svd": "Not one of the strongest directions of the first layer's weights moves an attribute or a class "
    "by {threshold} standard deviations per σ.",
    "dir.none.pca": "Not one of the strongest principal components of the first layer's activations moves an "
    "attribute or a class by {threshold} standard deviations per σ.",
    "dir.still": "; nothing is moved by {threshold} or more along {names}.",
    "dir.stop": ".",
    "dir.steer.many": "How far an attribute follows a straight direction, found by regression: R² on latents that it "
    "was not fitted to is {low} ({low_name}) to {high} ({high_name})",
    "dir.steer.one": "How far {low_name} follows a straight direction, found by regression: R² on latents that it was "
    "not fitted to is {low}",
    "dir.agree": "; directions from two halves of the latents agree to a cosine of {least} or better.",
    "dir.entangled": "Most entangled: along the direction of {own}, {other} moves {ratio} times as much as {own} "
    "itself.",
    # directions, pictures
    "fig.directions.svd": "{run}: the {n} strongest directions of the first layer's weights (SVD: S1 to S{n})",
    "fig.directions.pca": "{run}: the {n} strongest principal components of the first layer's activations (P1 to P{n})",
    "fig.directions.attribute": "{run}: directions of {n} attributes",
    "fig.directions.class": "{run}: directions of {n} classes",
    "fig.directions.factor": "{run}: directions of {n} factors of the drawings",
    "dir.latent": "Latent {n}, moved by (σ)",
    "dir.how": "Each row moves a latent along one direction, by {low} to {high} σ; at 0 the latent is as drawn.",
    "dir.share.svd": "The first holds {first} of the layer's squared weights, all {n} together {sum}; spread evenly "
    "over {z_dim} directions it would be {even}.",
    "dir.share.pca": "The first holds {first} of the variance of the activations, all {n} together {sum}.",
    "dir.moves": "Moved most, in standard deviations per σ: {items}.",
    "dir.moves.own": "What each moves of its own, in standard deviations per σ: {items}.",
    "dir.unsure": "not sure",
    # entanglement
    "fig.entanglement": "{run}: what every direction moves",
    "entanglement.up": "rises along the direction",
    "entanglement.down": "falls",
    "entanglement.svd-pca": "SVD (S) and principal components (P)",
    "entanglement.svd": "SVD (S)",
    "entanglement.pca": "Principal components (P)",
    "entanglement.attribute": "Attributes along the attributes' directions",
    "entanglement.class": "Classes along the classes' directions",
    "entanglement.factor": "Factors along the factors' directions",
    "entanglement.how": "Rows are what moves, columns are directions; numbers are hundredths of a standard deviation "
    "per σ, over {n} latents that no direction was found on. Class names stand for the classifier's probability. "
    "Cells are empty where the 95 % interval holds 0; a frame marks what a direction was found for.",
    "entanglement.pair": "{first} and {second} {cosine}",
    "entanglement.pairs": "The directions of these attributes are most alike or most opposed, by cosine: {items}; for "
    "two random directions it is about ±{chance}.",
    "entanglement.pairs.none": "No two attributes' directions have a cosine beyond ±{least}; for two random "
    "directions it is about ±{chance}.",
    "entanglement.same.all": "Weights and activations agree: each of the {n} SVD directions is also a principal "
    "component (cosine {limit} or more; the least alike {low}).",
    "entanglement.same.some": "Weights and activations agree in part: {same} of the {n} SVD directions are also "
    "principal components (cosine {limit} or more; the least alike {low}).",
    "entanglement.same.none": "Weights and activations do not agree: no SVD direction is also a principal component "
    "(the most alike have a cosine of {high}).",
    "entanglement.off": "With the move of what a direction was found for as 1, the others of its kind move: {items}.",
    "entanglement.off.attribute": "attributes {mean} on average, {most} at most",
    "entanglement.off.class": "classes {mean} on average, {most} at most",
    "entanglement.off.factor": "factors {mean} on average, {most} at most",
    "entanglement.nature": "Part of this may lie in the data, not in the generator: kinds of images differ in several "
    "attributes at once.",
    "entanglement.factors": "Attributes and classes are linked in the data themselves; the factors of the drawings "
    "are independent there, so what links them is the generator's doing.",
    "entanglement.cut": "Of more than {n} classes the {n} most probable are shown.",
    # table
    "steer.table": "{run}: how well attributes are steered",
    "steer.column": "Direction",
    "steer.r2": "R²",
    "steer.agree": "Cosine of two halves",
    "steer.angle": "Off by at most",
    "steer.own": "Rise per σ (sd)",
    "steer.note": "Linear regression on {n} latents. R²: of one half of the latents, from the other half. Off by at "
    "most: angle to the true direction, in 95 % of draws.",
    "steer.classes": "Of the classes' probabilities R² is {low} to {high}.",
    "dir.no_svd": "The generator has no first layer that takes the whole latent, so there are no SVD directions and "
    "no principal components.",
    "dir.no_classes": "There is no feature network that knows classes, so there are no directions of classes.",
    "dir.left_out": "No direction was found for {names}: too few images have it, or all have the same.",
    # paths, answer
    "path.shorter.linear": "Over {n} pairs, the straight line is the shorter way in feature space",
    "path.shorter.spherical": "Over {n} pairs, the spherical path is the shorter way in feature space",
    "path.shorter.open": "Over {n} pairs, neither the straight line nor the spherical path is surely shorter in "
    "feature space",
    "path.ratio": ": the line is {ratio} times as long as the spherical path (95 % interval {span})",
    "path.stop": ".",
    "path.shell.leaves": "In its middle the line leaves the shell of latents that the training knew: its least norm "
    "is {linear} standard deviations from their mean, that of the spherical path {spherical}.",
    "path.shell.keeps": "The line stays near the shell of latents that the training knew: its least norm is {linear} "
    "standard deviations from their mean, that of the spherical path {spherical}.",
    "path.abrupt": "Change is uneven: the longest of {steps} steps is {linear} times an even one on the line and "
    "{spherical} times on the spherical path.",
    "path.third": "On the way, {linear} of the lines and {spherical} of the spherical paths pass a class that neither "
    "end has.",
    # paths, table
    "path.table": "{run}: straight and spherical paths between the same latents",
    "path.head.column": "Measure",
    "path.head.linear": "Straight",
    "path.head.spherical": "Spherical",
    "path.head.difference": "Difference",
    "path.row.length": "Length in feature space",
    "path.row.detour": "Length / distance of the ends",
    "path.row.largest_step": "Longest step, share of the length",
    "path.row.smallest_norm": "Least norm, sd from the mean",
    "path.row.third_class": "Paths through a third class",
    "path.row.switches": "Changes of class",
    "path.row.confidence_middle": "Confidence in the middle",
    "path.row.precision_middle": "Precision in the middle",
    "path.name.length": "length",
    "path.name.largest_step": "longest step",
    "path.name.smallest_norm": "least norm",
    "path.name.third_class": "third classes",
    "path.name.switches": "changes of class",
    "path.name.confidence_middle": "confidence",
    "path.name.precision_middle": "precision",
    "path.note": "Difference: straight minus spherical, pair by pair; small: 95 % intervals, bootstrap over {n} pairs.",
    "path.note.all": "No interval of a difference holds 0: all are decided.",
    "path.note.none": "All intervals of differences hold 0: nothing is decided.",
    "path.note.some": "Decided: {decided}; not decided, since the interval holds 0: {names}.",
    "path.steps.converged": "Lengths are measured in {steps} steps; twice as many find {linear} (straight) and "
    "{spherical} (spherical) more, so they have converged.",
    "path.steps.open": "Lengths are measured in {steps} steps; twice as many find {linear} (straight) and {spherical} "
    "(spherical) more, so they have not converged: compare them, but do not read them as the true length.",
    # paths, pictures
    "fig.paths": "{run}: straight and spherical paths between {n} pairs of latents",
    "path.label.linear": "straight",
    "path.label.spherical": "spherical",
    "path.pictures": "Two rows share their ends: above the straight line, below the spherical path. Look at the "
    "middle columns, where the straight line's latents are unusually short.",
    "path.quality": "Does the middle suffer? {items}.",
    "path.quality.confidence": "Confidence is {ends} at the ends, {linear} in the middle of lines and {spherical} of "
    "spherical paths",
    "path.quality.precision": "precision is {ends} at the ends, {linear} and {spherical} in the middle",
    "path.quality.lower": " (lower on both)",
    "path.quality.higher": " (higher on both)",
    "path.quality.open": " (no decided change)",
    "path.quality.mixed": " (decided differently on the two)",
    "fig.class_paths": "{run}: how far classes lie apart",
    "path.classes.panel": "Mean length in feature space",
    "path.classes.how": "Mean length of up to {n} spherical paths from the surest latents of one class to those of "
    "the other, out of {latents} latents drawn; framed: paths within a class. The stronger the shade, the longer.",
    "path.classes.ends": "Nearest are {a} and {b} ({low}), farthest {c} and {d} ({high}).",
    "path.classes.one": "{a} and {b} are {low} apart.",
    "path.classes.within": "Paths within a class are {own} long on average, between classes {between}.",
    "path.classes.third": "Of {n} paths between classes, {share} pass a class that is neither.",
    "path.classes.cut": "Only the {n} classes drawn most are shown.",
    "path.classes.absent": "Not drawn at all: {names}.",
    "fig.path_classes": "{run}: from class to class",
    "fig.path_class_table": "{run}: halfway between classes",
    "path.picture.classes": "Each row goes from the surest latent of its class to that of the row below, from {first} "
    "to {second} and so on; the last one, {last}, goes back to {first}. All are spherical paths.",
    "path.picture.class_table": "Halfway along the spherical path from the surest latent of the row's class to that "
    "of the column's, for {n} classes; on the diagonal, from {first} to {last}, those latents themselves.",
    "path.no_features": "There is no feature network for these data, so only norms and pictures were made.",
    "path.no_classes": "The feature network knows no classes, so no classes and no confidence were measured.",
    "path.no_precision": "There are too few real images, or none, so precision was not measured.",
    # inversion, answer
    "inv.with": "{value} ({span})",
    "inv.stop": ".",
    "inv.error": "The best latent found for each of {n} test images shows it with a median error of {error} levels of "
    "255 (in brackets: 95 % intervals).",
    "inv.beside": "For comparison: {items}.",
    "inv.nearest": "the nearest training image {error}",
    "inv.pool": "the best of {n} random latents {error}",
    "inv.below": "What was found is nearer than the nearest training image for {share} of the images.",
    "inv.general.open": "Training images are not surely shown better (median {train}; test minus train {value}, "
    "{span}): no sign that the generator holds them by heart.",
    "inv.general.seen": "Training images are shown better (median {train}; test minus train {value}, {span}): the "
    "generator shows what it has seen better than what it has not.",
    "inv.general.unseen": "Training images are shown worse (median {train}; test minus train {value}, {span}), so "
    "nothing suggests memorisation; the two samples of images may differ in difficulty.",
    "inv.starts": "In {share} of the images a second start ends within {levels} level of the first",
    "inv.starts.apart": ", yet at another place: {distance} of the distance of two random latents away, so that a "
    "real image has no single latent.",
    "inv.starts.near": ", at a place not far away: {distance} of the distance of two random latents.",
    "inv.starts.same": ", and at the same place: {distance} of the distance of two random latents.",
    "inv.far.in": "The latents found lie where the training's do: their norm is {q50} standard deviations from the "
    "mean (90 % of them {q5} to {q95}).",
    "inv.far.out": "Some of the latents found lie outside where the training's do: their norm is {q50} standard "
    "deviations from the mean (90 % of them {q5} to {q95}).",
    "inv.classes": "The classifier sees the same class in image and inversion for {share} ({span})",
    "inv.classes.nearest": "; in image and nearest training image for {share}",
    # inversion, figures
    "fig.inversion": "{run}: error of real images in the latent space",
    "axis.error": "root mean square error of a pixel (levels of 255)",
    "inv.interval": "95 % interval of the median (dot)",
    "inv.spread": "central 80 % of the images",
    "inv.row.test.error": "Test images, found: {median}",
    "inv.row.train.error": "Training images, found: {median}",
    "inv.row.own.error": "Own pictures, found: {median}",
    "inv.row.test.nearest_error": "Test images, nearest training image: {median}",
    "inv.row.test.pool_error": "Test images, best random latent: {median}",
    "inv.how": "For every image, a search from {starts} random latents with at most {evals} evaluations each; the "
    "best end counts. Errors are those of this search: a better one could only lower them.",
    "inv.closer": "A training image has a lower error than a test image with probability {share} (95 % interval "
    "{span}; 50 % means no difference).",
    "inv.features.nearer": "In feature space, too, what was found is nearer: median distance {found}, nearest "
    "training image (by pixels) {nearest}.",
    "inv.features.farther": "In feature space, however, what was found is farther: median distance {found}, nearest "
    "training image (by pixels) {nearest}.",
    "inv.features.open": "In feature space neither is surely nearer: median distance {found}, nearest training image "
    "(by pixels) {nearest}.",
    "fig.inversion.pairs": "{run}: test images and what the generator shows of them",
    "fig.inversion.edits": "{run}: test images edited",
    "fig.inversion.own": "{run}: own pictures in the latent space",
    "inv.label.image": "image",
    "inv.label.inversion": "found",
    "inv.label.difference": "difference",
    "inv.label.nearest": "nearest",
    "inv.picture.pairs": "{n} test images from the least error, {low}, to the largest, {high} levels; numbers above "
    "are errors. Rows: the image, what was found, their difference (red: brighter than the image, blue: darker), and "
    "the nearest training image.",
    "inv.picture.edits": "{n} test images by error, {low} to {high} levels. Below image and inversion, one latent "
    "number at a time is set to a value: what the edits of this report do to real images.",
    "inv.picture.own": "{n} own pictures in their order; errors of {low} to {high} levels stand above. Rows: the "
    "picture, what was found, their difference, the nearest training image where there is one, and then edits of one "
    "latent number each.",
    "inv.own": "All {n} own pictures: median error {error}.",
    "inv.no_data": "Test and training images were not inverted: there is no data set, or it has too few images.",
}
