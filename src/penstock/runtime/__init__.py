"""The shell around the pure core: load, step, commit, perform effects; jobs, projections, waiting workers."""
