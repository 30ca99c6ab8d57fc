"""Routes."""

from penstock.api.http import Route

ROUTES: tuple[Route, ...] = ()
