"""Units are followed through the states of their files, wherever they go."""

from hypothesis import given, settings
from hypothesis import strategies as st

from lib.units.continuing import Changed, Step, follow
from lib.units.recent import Recent

A = "def first(a, b):\n    for one in a:\n        b.append(one * 2)\n    return sorted(b)\n"
B = "def second(path):\n    with open(path) as it:\n        return [one.split() for one in it]\n"
C = "class Third:\n    size = 3\n\n    def get(self):\n        return self.size\n"


def told(steps: list[Step]) -> list[str]:
    """Say steps in short: the old name, the new one, and what changed."""
    return [
        f"{one.old.unit.qualified_name if one.old else ''}"
        f">{one.new.unit.qualified_name if one.new else ''} {' '.join(one.change)}"
        for one in steps
    ]


def edited(before: str | None, after: str | None, language: str = "python") -> list[str]:
    return told(follow([Changed("a", language, before, after)], Recent()))


def test_what_can_become_of_a_unit() -> None:
    assert edited(None, A) == [">first introduced"]
    assert edited(A, None) == ["first> deleted"]
    assert edited(A, A.replace("* 2", "* 3")) == ["first>first body"]
    assert edited(A, A.replace("(a, b)", "(a, b, c)")) == ["first>first signature"]
    assert edited(A, A.replace("first", "other")) == ["first>other renamed"]
    assert edited(A, "@cache\n" + A) == ["first>first modifier"]
    assert edited(A, "# Why.\n" + A) == ["first>first documentation"]
    assert edited(A, A.replace("2)", "2)  # twice")) == ["first>first comment"]
    assert edited(A, A.replace(" * ", "*")) == ["first>first format"]
    assert edited(A, B + A) == [">second introduced"]
    assert edited(C, C.replace("Third", "Other")) == [
        "Third>Other renamed",
        "Third.get>Other.get container",
    ]
    assert edited(C, C.replace("= 3", "= 4")) == ["Third>Third body"]


@settings(max_examples=25, deadline=None)
@given(st.permutations([A, B, C]))
def test_order_is_no_change(parts: list[str]) -> None:
    assert edited(A + B + C, "".join(parts)) == []
