"""XPath's regular expressions: those of the standard's test suite, and what RE2 cannot do."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.expr.feel.regex.matcher import Matcher
from penstock.expr.feel.regex.pattern import compile_pattern
from penstock.expr.feel.regex.syntax import parse_pattern
from penstock.expr.feel.run import FeelError, Run

FOUND = [
    ("abracadabra", "bra", "", True),
    ("Mary\rJones", "Mary.Jones", "", False),
    ("Mary\rJones", "Mary.Jones", "s", True),
    ("\nabcd\ndefg\n", "^$", "m", True),
    ("\u212a", "k", "i", True),
    ("x", "[A-Z-[OI]]", "i", True),
    ("o", "[A-Z-[OI]]", "i", False),
    ("q", "[^Q]", "i", False),
    ("hello world", r"hello\ sworld", "x", True),
    ("hello world", "hello[ ]world", "x", True),
    ("hello", r"\p{ IsBasicLatin}+", "x", True),
    ("aA", r"(a)\1", "i", True),
    ("ab", r"(a)\1", "", False),
    ("a.b", "a.b", "q", True),
    ("axb", "a.b", "q", False),
    ("é", r"^\w$", "", True),
    ("_", r"^\w$", "", False),
    ("a:b", r"^\i\c*$", "", True),
    ("b", r"[\p{L}-[aeiou]]", "", True),
    ("a", r"[\p{L}-[aeiou]]", "", False),
    ("\u0378", r"\p{Cn}", "", True),
]


@pytest.mark.parametrize(("text", "pattern", "flags", "expected"), FOUND)
def test_search(text: str, pattern: str, flags: str, expected: bool) -> None:
    assert (compile_pattern(Run(), pattern, flags).search(Run(), text) is not None) is expected


@pytest.mark.parametrize(
    ("pattern", "flags"),
    [
        ("[\\1]", ""),
        ("(.)\\2", ""),
        ("a{2,1}", ""),
        ("a**", ""),
        ("(a", ""),
        ("[b-a]", ""),
        ("\\q", ""),
        ("a", "p"),
        ("(?=a)", ""),
    ],
)
def test_is_no_pattern(pattern: str, flags: str) -> None:
    with pytest.raises(FeelError):
        compile_pattern(Run(), pattern, flags)


_ATOMS = st.sampled_from(["a", "b", "[ab]", "[^a]", ".", "(a)", "(a|b)", "(?:ab)"])
_PIECES = st.tuples(_ATOMS, st.sampled_from(["", "*", "+", "?", "{1,2}", "*?", "+?"])).map("".join)
_PATTERNS = st.lists(_PIECES, min_size=1, max_size=4).map("".join)


@given(_PATTERNS, st.text("ab", max_size=8))
def test_all_engines_agree(pattern: str, text: str) -> None:
    """Python's `re`, RE2 and the matcher with a budget."""
    expected = re.search(pattern, text)
    span = None if expected is None else expected.span()
    by_re2 = compile_pattern(Run(), pattern, "").search(Run(), text)
    by_matcher = Matcher(parse_pattern(pattern, False, False), False, False).search(Run(), text)
    assert (None if by_re2 is None else (by_re2.start(), by_re2.end())) == span
    assert (None if by_matcher is None else (by_matcher.start(), by_matcher.end())) == span
