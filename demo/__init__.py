"""`make demo`: the whole loop on a sample repository, with a scripted model or, if wanted, the real one."""
