"""The REST API: Camunda 7.24's resources over a `runtime.protocol.Engine`, as one ASGI application (`app.create_app`).

How a request goes: `app.App` finds the route, reads the bounded body, calls the route's handler, and turns what comes
back, or what was raised, into the answer. Nothing else knows statuses: `problems` maps error classes to them.

To add a resource:
1. a folder `api/<resource>/` with a `routes.py` that ends in `ROUTES: tuple[Route, ...]`. `Route("GET", "/job/{id}", get)`;
   literal segments win over `{}` ones; HEAD follows from GET, OPTIONS is answered unless a route says otherwise.
2. handlers `async def get(request: Request, id: str) -> Any`: path parameters in order. What they return: `None` → 204,
   a `Response` (`http.py`) as it is, anything else → 200 `application/json`. `request.engine` is the node;
   `request.body(Struct)` the JSON body (a `dto.Body`: camelCase, unknown properties ignored, nulls are defaults, scalars
   coerced as Jackson does, unreadable → 400; numbers are `dto.Int` or `dto.Long`); `request.object()` the same as a
   plain dict; `request.form()` multipart; `request.flag("cascade")` and friends read the query;
   `request.link("/job/" + id)` makes an absolute address.
   A route without a JSON body that must take any media type has `consumes=None`; `produces` lists media types
   (`request.accepted` is the chosen one), `None` means any.
3. lists: one `querying.Selection(table, filters, sortings)`; `Selection.get(request)` reads GET parameters,
   `Selection.post(request)` a POST body with `sorting` and `orQueries`; both give a `store.query.Query`.
4. refusals: raise `problems.invalid(404, "…")`, `problems.rest(500, "…")`, `problems.engine("…")`, `problems.null("…")`;
   wrap engine calls in `with problems.reported("Cannot complete task x: ", problems.engine)` where Camunda wraps.
5. variables: `values.read_all(body.variables)` in, `values.write(typed, deserialize=…)` out; live ones through `live`.
6. one row in `app.RESOURCES`, tests in `tests/api/`.
"""
