"""The password policy (Camunda 7 `DefaultPasswordPolicyImpl` with its default rules)."""

from collections.abc import Callable, Mapping

import msgspec

SPECIAL = " !\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"
MIN_LENGTH = 10


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a user."""

    id: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    email: str | None = None


class Rule(msgspec.Struct, frozen=True):
    """One rule: its name for translations, its parameters, and the check."""

    placeholder: str
    parameter: Mapping[str, str] | None
    holds: Callable[[str, Profile | None], bool]


def _no_user_data(password: str, profile: Profile | None) -> bool:
    if not password or profile is None:
        return True
    texts = (profile.id, profile.first_name, profile.last_name, profile.email)
    return not any(text and text.upper() in password.upper() for text in texts)


def _contains(wanted: Callable[[str], bool]) -> Callable[[str, Profile | None], bool]:
    return lambda password, _: any(wanted(character) for character in password)


RULES = (
    Rule("PASSWORD_POLICY_USER_DATA", None, _no_user_data),
    Rule("PASSWORD_POLICY_LENGTH", {"minLength": str(MIN_LENGTH)}, lambda password, _: len(password) >= MIN_LENGTH),
    Rule("PASSWORD_POLICY_LOWERCASE", {"minLowerCase": "1"}, _contains(str.islower)),
    Rule("PASSWORD_POLICY_UPPERCASE", {"minUpperCase": "1"}, _contains(str.isupper)),
    Rule("PASSWORD_POLICY_DIGIT", {"minDigit": "1"}, _contains(str.isdigit)),
    Rule("PASSWORD_POLICY_SPECIAL", {"minSpecial": "1"}, _contains(SPECIAL.__contains__)),
)


def violated(password: str, profile: Profile | None) -> list[Rule]:
    """The rules that a password breaks."""
    return [rule for rule in RULES if not rule.holds(password, profile)]
