"""The names of FEEL as an expression language, in lower case."""

FEEL_UNTIL_1_5 = frozenset(
    {
        "feel",
        "http://www.omg.org/spec/feel/20140401",
        "http://www.omg.org/spec/dmn/20180521/feel/",
        "https://www.omg.org/spec/dmn/20191111/feel/",
        "https://www.omg.org/spec/dmn/20211108/feel/",
        "https://www.omg.org/spec/dmn/20230324/feel/",
    }
)
"""Those that Camunda's dialect knows too."""
FEEL = FEEL_UNTIL_1_5 | {"https://www.omg.org/spec/dmn/20240513/feel/"}
