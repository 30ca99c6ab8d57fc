"""For tests: a whole engine in memory on a virtual clock, and the conformance suites of stores."""
