"""One visible loop and everything it needs: state, step, checkpoints, run folder."""
