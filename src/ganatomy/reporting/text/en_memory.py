"""English sentences of how near generated images come to training images."""

TEXT = {
    "scores.table.other": "Scores with the feature network {name}",
    "memory.title": "Copies of training images?",
    "memory.lead": "A generator that repeats its training images scores well too. So the nearest training image of "
    "each generated image is looked for, and that of each test image, which no generator has seen.",
    "memory.run.none": "{run}: no sign of copying. {pixels} of {n} generated images are nearer to a training image in "
    "pixels than 99 % of the test images are, and {features} in features. Fresh real images would show about "
    "{expected}, by chance up to {limit}.",
    "memory.run.one": "{run}: {pixels} of {n} generated images are nearer to a training image in pixels than 99 % of "
    "the test images are, and {features} in features. Fresh real images would show about {expected}, by chance up to "
    "{limit}; so there are too many {where}. Smooth or very typical images lie near others without being copies: "
    "look at the pairs.",
    "memory.run.both": "{run}: signs of copying. {pixels} of {n} generated images are nearer to a training image in "
    "pixels than 99 % of the test images are, and {features} in features. Fresh real images would show about "
    "{expected}, by chance up to {limit}.",
    "memory.run.untold": "{run}: whether it copies cannot be told. {pixels} of {n} generated images are nearer to a "
    "training image in pixels than 99 % of the test images are, and {features} in features; but {why}.",
    "memory.untold": "What is found {where} tells nothing: {why}.",
    "memory.unlike": "Not in the table, for they were measured with other sizes, data or another network than the "
    "first: {runs}.",
    "memory.in.pixels": "in pixels",
    "memory.in.features": "in features",
    "memory.exact": "The closest pair is one image: an exact copy.",
    "memory.closest": "The closest pair differs by {levels} of 255 levels in pixels (root mean square); the median "
    "is {median} for generated and {normal} for test images.",
    "fig.nearest": "The images of {run} that come nearest to training images",
    "nearest.how": "Generated images above, below each its nearest training image; the closest pair is on the left. "
    "Searched among {pixels} training images in pixels and {features} in features.",
    "nearest.gen": "generated",
    "nearest.train": "training",
    "memory.table": "Nearness to the training images",
    "memory.head": "Measure",
    "memory.real": "Test images",
    "memory.too_close": "Nearer than 99 % of test images, {where}",
    "memory.closer": "Nearer than a test image, {where}",
    "memory.median": "Median distance, {where}",
    "memory.protocol": "{num_gen} generated and {num_test} test images against {num_train} training images",
    "memory.what.closer": "chance for one generated and one test image",
    "memory.what.median.pixels": "levels of 255, root mean square over the pixels",
    "memory.what.median.features": "Euclidean",
    "memory.note": "The last column is what images score that are no copies. More than half nearer than a test image "
    "is no copying by itself: images without rare details lie near many others.",
}
