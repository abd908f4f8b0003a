"""English sentences of what a measurement left out, and of what has to be known to read it."""

TEXT = {
    "unscored.line": "{run}, left out: {scores}. The reason: {reason}.",
    "unscored.warning": "{run}: {text}.",
    "unscored.of": "{score} ({network})",
    "unscored.part.floor": "floor of {score}",
    "unscored.part.error": "error of {score}",
    "unscored.copies.pixels": "copies in pixels",
    "unscored.copies.features": "copies in features",
    "unscored.few_neighbours": "a neighbourhood reaches to the image that is number {k} in nearness, so more than {k} "
    "generated and more than {k} test images are needed; there are {num_gen} and {num_real}",
    "unscored.few_floor": "more than {least} held-out real images are needed; there are {num_floor}",
    "unscored.few_error": "at least {least} images of either kind are needed; there are {num_gen} generated and "
    "{num_real} test images",
    "unscored.few_line": "the line through distances at several numbers of images needs at least {least} generated "
    "images; there are {num_gen}",
    "unscored.no_labels": "the test images have no labels",
    "unscored.new_class": "a generated image is of a class that no test image has, so the divergence has no bound",
    "unscored.few_copies": "with {num_test} test and {num_gen} generated images a share of up to {limit} could be "
    "chance: too few to tell",
    "unscored.same_copies": "one test image in 100 or more has its exact copy among the training images, so a "
    "generated image cannot be nearer than that",
    "unscored.not_shared": "it was not measured of this run, so the table does without it",
    "caution.same_gen": "all {num} generated images look the same to the feature network: a single picture, "
    "whatever the scores say",
    "caution.same_real": "all {num} test images look the same to the feature network: the scores only tell "
    "whether generated images are that one picture",
    "caution.ties": "{num} of {total} test images each equal more than {k} others, so their neighbourhoods hold "
    "nothing but that picture",
    "caution.weak_network": "the feature network {network} knows little of these data: {accuracy} of {num} "
    "held-out images right, and at least {least_share} are wanted; its scores say little",
    "caution.weak_old": "the feature network {network} gets {accuracy} of the test images right, fewer than three "
    "times what chance would; its scores say little, so measure again",
    "caution.weak_passed": "the feature network {network} was passed over, for it knows little of these data: "
    "{accuracy} of {num} held-out images right, and at least {least_share} are wanted; {instead} looks instead",
}
