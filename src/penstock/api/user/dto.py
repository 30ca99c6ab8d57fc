"""Users as JSON (Camunda 7 `UserProfileDto`, `UserDto`, `UserCredentialsDto`). No answer holds a password."""

from typing import Any

from penstock.api.dto import Body
from penstock.identity.policy import Profile
from penstock.store.protocol import Row


class UserProfile(Body):
    """`UserProfileDto`."""

    id: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    email: str | None = None

    def profile(self) -> Profile:
        """The same for the engine."""
        return Profile(id=self.id, first_name=self.first_name, last_name=self.last_name, email=self.email)


class Credentials(Body):
    """`UserCredentialsDto`."""

    password: str | None = None
    authenticated_user_password: str | None = None


class NewUser(Body):
    """`UserDto`."""

    profile: UserProfile | None = None
    credentials: Credentials | None = None


def profile(row: Row) -> dict[str, Any]:
    """`UserProfileDto` of a row of `identity_user`."""
    return {
        "id": row["id"],
        "firstName": row["first_name"],
        "lastName": row["last_name"],
        "email": row["email"],
    }
