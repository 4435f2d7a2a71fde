"""What changed in a part of a file is found by parsing that part, as if all were parsed."""

import inspect
import random
import textwrap

import pytest

from lib.units.bounded import read
from lib.units.fingerprint import Fingerprint
from lib.units.splicing import Past, spliced

FUNCTIONS = {
    "python": "@cached\ndef f{n}(a):\n    # what it is\n    if a:\n        return a + {n}\n"
    "    return 0\n",
    "javascript": "export async function f{n}(a) {{\n  return a ? `${{a}}` : {n};\n}}\n",
    "typescript": "export const f{n} = (a: number): number => {{\n  return a + {n};\n}};\n",
    "go": "func f{n}(a int) int {{\n\treturn a + {n}\n}}\n",
    "rust": "#[inline]\nfn f{n}(a: u8) -> u8 {{\n    a + {n}\n}}\n",
    "php": "function f{n}($a) {{\n    return $a + {n};\n}}\n",
    "ruby": "def f{n}(a)\n  a + {n}\nend\n",
    "c": "int f{n}(int a) {{\n    return a + {n};\n}}\n",
    "shell": "f{n}() {{\n  echo {n}\n}}\n",
}
OPENERS = {"php": "<?php\n", "go": "package p\n"}


def code_in(language: str, numbers: list[int]) -> str:
    parts = [FUNCTIONS[language].format(n=number) for number in numbers]
    return OPENERS.get(language, "") + "\n".join(parts)


def again(before: str, after: str, language: str) -> list[Fingerprint] | None:
    stood = read(before, language).units
    past = Past(before.encode(), [one.unit for one in stood], [one.content for one in stood])
    return spliced(past, after.encode(), language, {one.content for one in stood}, None)


def where(found: list[Fingerprint] | None) -> object:
    return found and [(one.unit, one.content) for one in found]


@pytest.mark.parametrize("language", sorted(FUNCTIONS.keys() - {"c"}))
def test_a_part_that_changed_is_parsed_alone(language: str) -> None:
    numbers = list(range(100, 120))
    before = code_in(language, numbers)
    gone, new = numbers[:9] + numbers[10:], [*numbers[:9], 300, *numbers[9:]]
    for after in (
        before.replace("109", "1" * 30).replace("f" + "1" * 30, "f109"),
        before.replace("f109", "called_otherwise"),
        code_in(language, gone),
        code_in(language, new),
        code_in(language, [*numbers, 300]),
        before.replace(FUNCTIONS[language].format(n=100), "\n"),
        before.replace(FUNCTIONS[language].format(n=105), "\n"),
    ):
        assert after != before
        found = again(before, after, language)
        assert found is not None
        assert where(found) == where(read(after, language).units)
    # What is new has all its fingerprint.
    whole = {one.content: one for one in read(code_in(language, new), language).units}
    fresh = [one for one in again(before, code_in(language, new), language) or () if one.tokens]
    assert fresh
    assert all(whole[one.content] == one for one in fresh)


@pytest.mark.parametrize("language", sorted(FUNCTIONS.keys() - {"c"}))
def test_several_parts_that_changed_are_parsed_alone(language: str) -> None:
    numbers = list(range(100, 300))
    before = code_in(language, numbers)
    longer = FUNCTIONS[language].format(n=125).replace("125", "1" * 30)
    for after in (
        before.replace("f101", "f901").replace("f298", "f9480"),
        before.replace(FUNCTIONS[language].format(n=125), longer).replace("f103", "f3"),
        code_in(language, [*numbers[:5], 300, *numbers[5:90], *numbers[91:198], 301, 302, 299]),
        code_in(language, [300, *numbers, 301]),
        code_in(language, [numbers[1], *numbers[3:], numbers[0]]),
    ):
        found = again(before, after, language)
        assert found is not None
        assert where(found) == where(read(after, language).units)


@pytest.mark.parametrize(
    ("language", "old", "new"),
    [
        ("python", "    return 0", "return 0"),
        ("python", "a + 109", "(a + 109"),
        ("python", "# what it is", '"""'),
        ("python", "    # what it is\n    if a:\n        return a + 109", "if a:\n    return 109"),
        ("javascript", "${a}` : 109", "${a} : 109"),
        ("javascript", "109;\n}", "109;\n"),
        ("typescript", "a + 109;", "a + 109; /*"),
        ("go", "a + 109\n}", "a + 109\n}}"),
        ("c", "a + 109", "a + 110"),
    ],
)
def test_what_may_matter_to_others_has_all_parsed(language: str, old: str, new: str) -> None:
    before = code_in(language, list(range(100, 120)))
    at = before.index("109") - len(old)
    after = before[:at] + before[at:].replace(old, new, 1)
    assert after != before
    assert again(before, after, language) is None


def test_any_lines_of_real_code_may_change() -> None:
    chance = random.Random(7)
    code, used = inspect.getsource(textwrap) + inspect.getsource(random), 0
    for _ in range(60):
        lines = code.splitlines(keepends=True)
        for _ in range(chance.choice([1, 1, 2, 3])):
            at = chance.randrange(len(lines))
            other = chance.randrange(len(lines))
            lines[at : at + chance.randrange(3)] = lines[other : other + chance.randrange(9)]
        after = "".join(lines)
        found = again(code, after, "python")
        used += found is not None
        assert found is None or where(found) == where(read(after, "python").units)
    assert used > 3
