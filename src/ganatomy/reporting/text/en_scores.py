"""English sentences of the table of all scores."""

TEXT = {
    "scores.table": "All scores, beside what real images score",
    "scores.head": "Score",
    "scores.real": "Real images",
    "scores.protocol": "{num_gen} generated against {num_real} test images; ± over {sets} sample sets",
    "scores.protocol.one": "{num_gen} generated against {num_real} test images; one sample set",
    "scores.protocol.jackknife": "{num_gen} generated against {num_real} test images; one sample set, ± its jackknife "
    "standard error",
    "scores.bias": "Fréchet distance for endlessly many images",
    "scores.bias.note": "read from a line through distances at several numbers of images, in 1/N",
    "scores.kl": "Divergence of the classes from the real ones",
    "scores.kl.note": "Kullback-Leibler divergence in nats; 0 for the same shares",
    "scores.clarity": "Clarity",
    "scores.clarity.note": "1 to {num_classes}: high where each image has a clear class and the classes are even; no "
    "inception score",
    "scores.kind.fd": "Fréchet distance",
    "scores.kind.kd": "Kernel distance",
    "scores.kind.precision": "Precision",
    "scores.kind.recall": "Recall",
    "scores.kind.density": "Density",
    "scores.kind.coverage": "Coverage",
    "scores.what.fd": "lower is better",
    "scores.what.kd": "lower is better; may be slightly below 0 by chance",
    "scores.what.precision": "share of generated images that lie among real ones (are they like real images)",
    "scores.what.recall": "share of real images that lie among generated ones (is all variety there)",
    "scores.what.density": "how crowded with real images the places of generated ones are; about 1 is normal",
    "scores.what.coverage": "share of real images with a generated one in their neighbourhood",
    "scores.note": "The column of real images holds what other real images score against the same test images: a "
    "perfect generator would come near it.",
    "scores.reach": "A neighbourhood reaches to the image that is number {k} in nearness, within the same set.",
}
