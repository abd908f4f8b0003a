"""One generator and one discriminator per file, and the ways to build, run and describe them."""
